/** The thread's side of the pool: does one task after the other, and answers each. */
import { parentPort } from 'node:worker_threads';
import { FailureError } from '../../shared/api/problem.ts';
import type { TaskReply, TaskRequest } from './messages.ts';

/** One kind of work; its arguments and its result are what a structured clone can carry. */
export type ThreadTask = (args: never) => unknown;

/** Containers with more entries than this are copied: looking for buffers in them would cost more. */
const MOST_ENTRIES = 64;
const DEEPEST = 3;

/** Buffers of typed arrays that own theirs: they are handed over, where others are copied. */
export function ownedBuffers(value: unknown, depth = 0): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return [];
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
  }
  const parts = Object.values(value);
  if (parts.length > MOST_ENTRIES) return [];
  return [...new Set(parts.flatMap((part) => ownedBuffers(part, depth + 1)))];
}

function failed(id: number, thrown: unknown): TaskReply {
  if (thrown instanceof FailureError) return { id, ok: false, failure: thrown.failure };
  // What an exception of the platform says is lost between threads.
  const isPlain = thrown instanceof Error && !(thrown instanceof DOMException);
  const error = isPlain
    ? thrown
    : new Error(thrown instanceof Error ? thrown.message : String(thrown));
  return { id, ok: false, error };
}

/**
 * Answers the pool for as long as the thread lives.
 * @param tasks what this thread can do, by name
 * @throws Error outside of a thread
 */
export function serveTasks(tasks: Readonly<Record<string, ThreadTask>>): void {
  const port = parentPort;
  if (!port) throw new Error('a pool thread has to run in a worker thread');
  port.on('message', async ({ id, name, args }: TaskRequest) => {
    try {
      const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
      if (!task) throw new Error(`the threads know no task ${name}`);
      const result = await task(args as never);
      port.postMessage({ id, ok: true, result } satisfies TaskReply, ownedBuffers(result));
    } catch (thrown) {
      port.postMessage(failed(id, thrown));
    }
  });
}
