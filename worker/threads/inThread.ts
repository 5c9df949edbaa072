/** The worker's pool: one for the process, started with the first task. */
import { availableParallelism } from 'node:os';
import { createThreadPool, type TaskOptions, type ThreadPool } from './pool.ts';
import type { ThreadTasks } from './tasks.ts';

/** Two at least, so that one long task holds up nobody else; few, since the model needs the processor. */
const SIZE = Math.min(4, Math.max(2, Math.floor(availableParallelism() / 2)));
const QUEUE = 256;

let pool: ThreadPool | undefined;

/**
 * Does a task of `tasks.ts` in a thread, away from the event loop.
 * @throws as `ThreadPool.run`
 */
export async function inThread<Name extends keyof ThreadTasks>(
  name: Name,
  args: Parameters<ThreadTasks[Name]>[0],
  options: TaskOptions = {},
): Promise<Awaited<ReturnType<ThreadTasks[Name]>>> {
  const program = new URL('./thread.js', import.meta.url);
  pool ??= createThreadPool({ program, size: SIZE, queue: QUEUE });
  return (await pool.run(name, args, options)) as Awaited<ReturnType<ThreadTasks[Name]>>;
}

/** Ends the threads; the next task starts new ones. */
export async function closeThreads(): Promise<void> {
  const closing = pool;
  pool = undefined;
  await closing?.close();
}
