/**
 * A small pool of threads for work that would hold the event loop: decoding, resizing, parsing. Threads start
 * when they are needed, do one task at a time, and are replaced when they die. A task cannot be interrupted
 * from outside, so a thread whose task outlives its abort is ended.
 */
import { Worker } from 'node:worker_threads';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import type { TaskReply, TaskRequest } from './messages.ts';

export interface PoolOptions {
  /** The thread's code, which calls `serveTasks`. */
  readonly program: URL;
  /** Threads at most. */
  readonly size: number;
  /** Tasks that may wait for a thread; more are refused at once. */
  readonly queue: number;
  /** Time that a task has left after its abort before its thread is ended. */
  readonly graceMilliseconds?: number;
  /** Memory of a thread's objects; one that needs more dies alone. */
  readonly megabytes?: number;
}

export interface TaskOptions {
  /** The promise rejects with its reason at once; a task that waits is not begun. */
  readonly signal?: AbortSignal | undefined;
  /** Buffers of the arguments that are handed over, and not usable here afterwards. */
  readonly transfer?: readonly ArrayBuffer[];
}

export interface ThreadPool {
  /**
   * @throws FailureError that the task threw, or `overloaded` when the queue is full; the signal's reason;
   *   Error of the task, or of a thread that died while it was at it
   */
  run(name: string, args: unknown, options?: TaskOptions): Promise<unknown>;
  /** Ends all threads; what is under way or waits fails. */
  close(): Promise<void>;
}

interface Task {
  readonly request: TaskRequest;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Thread {
  readonly worker: Worker;
  task: Task | undefined;
}

export function createThreadPool(options: PoolOptions): ThreadPool {
  const { program, size, queue, graceMilliseconds = 200, megabytes = 1024 } = options;
  const threads = new Set<Thread>();
  const waiting: Task[] = [];
  let nextId = 0;
  let closed = false;

  function startThread(): Thread {
    const worker = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: megabytes } });
    // An idle thread must not keep the process alive; a task under way does.
    worker.unref();
    const thread: Thread = { worker, task: undefined };
    threads.add(thread);
    worker.on('message', (reply: TaskReply) => {
      if (thread.task?.request.id !== reply.id) return;
      settle(thread, reply);
      assign();
    });
    const end = (cause: Error): void => {
      if (!threads.delete(thread)) return;
      const { task } = thread;
      task?.reject(new Error(`the thread of task ${task.request.name} ended`, { cause }));
      assign();
    };
    worker.on('error', end);
    worker.on('exit', (code) => end(new Error(`the thread ended with code ${code}`)));
    return thread;
  }

  function settle(thread: Thread, reply: TaskReply): void {
    const { task } = thread;
    thread.task = undefined;
    thread.worker.unref();
    if (reply.ok) task?.resolve(reply.result);
    else if ('failure' in reply) task?.reject(new FailureError(reply.failure));
    else task?.reject(reply.error);
  }

  function assign(): void {
    while (waiting.length > 0 && !closed) {
      const idle = [...threads].find(({ task }) => !task);
      const thread = idle ?? (threads.size < size ? startThread() : undefined);
      if (!thread) return;
      begin(thread, waiting.shift());
    }
  }

  function begin(thread: Thread, task: Task | undefined): void {
    if (!task) return;
    thread.task = task;
    thread.worker.ref();
    try {
      thread.worker.postMessage(task.request, [...task.transfer]);
    } catch (error) {
      // What cannot be cloned never left this thread.
      thread.task = undefined;
      thread.worker.unref();
      task.reject(error);
    }
  }

  /** The caller no longer waits: what has not begun is dropped, what has is given a little time. */
  function abandon(task: Task, reason: unknown): void {
    task.reject(reason);
    const place = waiting.indexOf(task);
    if (place >= 0) waiting.splice(place, 1);
    const thread = [...threads].find((one) => one.task === task);
    if (!thread) return;
    const timer = setTimeout(() => {
      if (thread.task === task) void thread.worker.terminate();
    }, graceMilliseconds);
    timer.unref();
  }

  return {
    async run(name, args, { signal, transfer = [] } = {}) {
      signal?.throwIfAborted();
      if (closed) throw new Error('the pool of threads is closed');
      if (waiting.length >= queue) {
        const detail = `${waiting.length} tasks wait for a thread; no more are taken`;
        throw refusal('overloaded', detail, undefined, { retryAfterSeconds: 1 });
      }
      let abort = (): void => {};
      try {
        return await new Promise((resolve, reject) => {
          const task = { request: { id: nextId++, name, args }, transfer, resolve, reject };
          abort = () => abandon(task, signal?.reason);
          signal?.addEventListener('abort', abort, { once: true });
          waiting.push(task);
          assign();
        });
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    async close() {
      closed = true;
      const reason = new Error('the pool of threads is closed');
      for (const task of waiting.splice(0)) task.reject(reason);
      await Promise.all([...threads].map(({ worker }) => worker.terminate()));
    },
  };
}
