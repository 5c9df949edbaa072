/** Processes on a core of their own, and the time of the processor that they take. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../../infra/paths.ts';

/** Absent where there is no `taskset`: then nothing is pinned. */
const canPin = spawnSync('taskset', ['--version']).status === 0;
export const isPinned = canPin;

// A bench that is told to end takes its processes with it, which end with `exit`.
process.once('SIGTERM', () => process.exit(1));

/** Where the server under test runs, and everything else. */
export const SERVER_CORE = 0;
export const OTHER_CORE = 1;

const pinned = (core: number, parameters: readonly string[]): [string, string[]] =>
  canPin
    ? ['taskset', ['-c', String(core), process.execPath, ...parameters]]
    : [process.execPath, [...parameters]];

/** A line of JSON that a process prints. */
type Line = Readonly<Record<string, unknown>>;

export interface Started {
  readonly pid: number;
  /** The first line that says `"event": "ready"`. */
  readonly ready: Line;
  stop(): Promise<void>;
}

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve();

/** Starts a program of Node and resolves when it says that it is ready. @throws Error with what it printed */
export async function start(
  core: number,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const [command, all] = pinned(core, parameters);
  const child = spawn(command, all, {
    cwd: repositoryRoot,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const said: string[] = [];
  const ready = await new Promise<Line>((resolve, reject) => {
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on('line', (line) => {
        if (said.length < 100) said.push(line);
        if (!line.startsWith('{')) return;
        const entry = JSON.parse(line) as Line;
        if (entry.event === 'ready') resolve(entry);
      });
    child.once('exit', () => reject(new Error(`${parameters[0]} ended:\n${said.join('\n')}`)));
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended(child);
    process.off('exit', kill);
  };
  return { pid: child.pid ?? 0, ready, stop };
}

/** Ticks of the kernel's clock a second, which Linux tells programs. */
const TICKS = 100;

/** Seconds of the processor that a process has had; NaN on systems without `/proc`. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may have spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return Number.NaN;
  }
}

/** Runs a program of Node to its end. @returns what it prints. @throws Error with what it says when it fails */
export async function run(
  core: number,
  parameters: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [command, all] = pinned(core, parameters);
  const child = spawn(command, all, {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [printed, said] = ['', ''];
  child.stdout.on('data', (text) => {
    printed += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  await ended(child);
  if (child.exitCode !== 0) throw new Error(`${parameters[0]} failed:\n${printed}${said}`);
  return printed;
}
