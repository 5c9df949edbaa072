/** The product as a newcomer starts it: the start script as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, repositoryRoot } from '../../infra/stack.ts';

export interface Product {
  /** Without a trailing slash. */
  readonly url: string;
  readonly process: ChildProcess;
  /** Resolves with the exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** What the script has printed so far, without the logs of edge and worker. */
  readonly printed: () => string;
  /** Ends it as Ctrl-C does; resolves with the exit code. */
  stop(): Promise<number | null>;
}

export interface Starting extends Omit<Product, 'url'> {
  readonly port: number;
  /** Resolves with the address when a line begins with it; rejects when the process ends before. */
  readonly line: (pattern: RegExp) => Promise<string>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** Through `npm start`; otherwise the script itself. */
  readonly npm?: boolean;
}

const SCRIPT = [join(repositoryRoot, 'infra', 'start.mjs'), '--no-build'];

/** Starts it with its data in `dataFolder`, on a free port unless one is given, and waits for nothing. */
export async function beginProduct(
  dataFolder: string,
  { env, port, npm = false }: StartOptions = {},
): Promise<Starting> {
  const chosen = port ?? (await freePort());
  // `npm test` has set variables of its own, which are not a newcomer's.
  const { npm_lifecycle_event: _, ...inherited } = process.env;
  const [command, ...parameters] = npm
    ? ['npm', 'start', '--', '--no-build']
    : [process.execPath, ...SCRIPT];
  const child = spawn(command ?? '', parameters, {
    cwd: repositoryRoot,
    env: { ...inherited, PORT: String(chosen), FOURM_DATA_DIR: dataFolder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(printed);
        if (!found) return;
        listeners.delete(look);
        resolve(found[1] ?? found[0]);
      };
      listeners.add(look);
      look();
      void ended.then((code) =>
        reject(new Error(`the start script ended with ${code}:\n${printed}`)),
      );
    });
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    return await ended;
  };
  return { process: child, port: chosen, ended, line, printed: () => printed, stop };
}

/** Starts it; resolves when the script prints its address. */
export async function startProduct(dataFolder: string, options?: StartOptions): Promise<Product> {
  const starting = await beginProduct(dataFolder, options);
  const url = await starting.line(/Playground: (http:\S+?)\/?\n/);
  return { ...starting, url };
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ids of a process's children, of theirs, and so on (Linux). */
export async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const own = text.split(' ').filter(Boolean).map(Number);
  return [...own, ...(await Promise.all(own.map(descendants))).flat()];
}

/** The descendant that runs a script of `dist/`, once there is one. */
export async function processOf(root: ChildProcess, script: string): Promise<number> {
  for (let tries = 0; tries < 600; tries++) {
    for (const pid of await descendants(root.pid ?? 0)) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(script)) return pid;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no process runs ${script}`);
}
