/** `npm start`: edge, worker, disk store and the demo model on this machine, until a signal ends it. */
import { join } from 'node:path';
import { repositoryRoot, type Stack, startStack } from './stack.ts';

const say = (line: string): void => console.log(line);
const PARENT_EVERY_MS = 500;

/**
 * Aborts when the process is asked to end, or when npm, which waits for it, has gone. A signal may come
 * twice: from the terminal, and again from npm.
 */
function endSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => ending.abort(signal));
  }
  if (process.env.npm_lifecycle_event === 'start') {
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) ending.abort('npm has gone');
    }, PARENT_EVERY_MS).unref();
  }
  return ending.signal;
}

function portFrom(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535 && text.trim() !== '') return port;
  throw new Error(`PORT must be a whole number from 0 to 65535, not ${JSON.stringify(text)}`);
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });

async function serve(signal: AbortSignal): Promise<number> {
  const stack: Stack = await startStack({
    port: portFrom(process.env.PORT ?? '8787'),
    dataFolder: process.env.FOURM_DATA_DIR ?? join(repositoryRoot, '.data'),
    log: say,
    signal,
  });
  say(`4M Edge is ready. Playground: ${stack.url}/`);
  const failure = await Promise.race([stack.failed, ended(signal)]);
  if (failure !== undefined) console.error(failure);
  else say('stopping: running requests have a few seconds to finish ...');
  await stack.close();
  return failure === undefined ? 0 : 1;
}

/** Runs the product; resolves with the exit code. */
export async function run(): Promise<number> {
  const signal = endSignal();
  try {
    return await serve(signal);
  } catch (error) {
    if (signal.aborted) return 0;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}
