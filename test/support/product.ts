/** The product as a newcomer starts it: the start script as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { freePort, repositoryRoot } from '../../infra/stack.ts';

export interface Product {
  /** Without a trailing slash. */
  readonly url: string;
  readonly process: ChildProcess;
  /** Ends it as Ctrl-C does; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts on a free port with its data in `dataFolder`; resolves when the script prints its address. */
export async function startProduct(dataFolder: string): Promise<Product> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [join(repositoryRoot, 'infra', 'start.mjs'), '--no-build'],
    {
      env: { ...process.env, PORT: String(port), FOURM_DATA_DIR: dataFolder },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const url = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
      const found = /Playground: (http:\S+?)\/?\n/.exec(printed)?.[1];
      if (found) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`start.js ended with ${code}:\n${printed}`)));
  });
  const stop = async (): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    return await ended;
  };
  return { url, process: child, stop };
}
