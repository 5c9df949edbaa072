/** The worker's pools: one for each lane, started with the first task of the lane. */
import { availableParallelism } from 'node:os';
import { createThreadPool, type TaskOptions, type ThreadPool } from './pool.ts';
import type { ThreadTasks } from './tasks.ts';

/** Two at least, so that one long task holds up nobody else; few, since the model needs the processor. */
const SIZE = Math.min(4, Math.max(2, Math.floor(availableParallelism() / 2)));
const QUEUE = 256;

/**
 * What takes long has threads of its own: large files of one caller do not hold up the small ones of others, and fits of
 * heads, which take seconds each, hold up neither.
 */
export type Lane = 'short' | 'long' | 'fit';
const THREADS: Readonly<Record<Lane, number>> = {
  short: SIZE,
  long: Math.max(1, Math.floor(SIZE / 2)),
  fit: Math.max(1, Math.floor(SIZE / 2)),
};

export interface ThreadOptions extends TaskOptions {
  readonly lane?: Lane;
}

const pools = new Map<Lane, ThreadPool>();

function poolOf(lane: Lane): ThreadPool {
  const running = pools.get(lane);
  if (running) return running;
  const program = new URL('./thread.js', import.meta.url);
  const pool = createThreadPool({ program, size: THREADS[lane], queue: QUEUE });
  pools.set(lane, pool);
  return pool;
}

/**
 * Does a task of `tasks.ts` in a thread, away from the event loop.
 * @throws as `ThreadPool.run`
 */
export async function inThread<Name extends keyof ThreadTasks>(
  name: Name,
  args: Parameters<ThreadTasks[Name]>[0],
  { lane = 'short', ...options }: ThreadOptions = {},
): Promise<Awaited<ReturnType<ThreadTasks[Name]>>> {
  return (await poolOf(lane).run(name, args, options)) as Awaited<ReturnType<ThreadTasks[Name]>>;
}

/** Ends the threads; the next task starts new ones. */
export async function closeThreads(): Promise<void> {
  const closing = [...pools.values()];
  pools.clear();
  await Promise.all(closing.map((pool) => pool.close()));
}
