/** The runtime's thread as seen from outside: requests as promises, and what happens when it dies. */
import { Worker } from 'node:worker_threads';
import type { ThreadOptions, ThreadReply, ThreadRequest, ThreadResult } from './messages.ts';
import { SessionError } from './types.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

export interface Runtime {
  /**
   * Has the thread do one thing; requests are answered in order.
   * @param transfer buffers of the request that are handed over, and not usable here afterwards
   * @throws SessionError with the runtime's error, or the thread's end, as `cause`
   */
  request(
    request: WithoutId<ThreadRequest>,
    transfer?: readonly ArrayBuffer[],
  ): Promise<ThreadResult>;
  /** Ends the thread and frees the memory of its graphs. Requests still waiting fail. */
  close(): Promise<void>;
}

/**
 * Starts a thread. When it dies, what waits fails with the cause, and so does all that comes later; a new
 * runtime starts afresh.
 * @param program the thread's code, which answers `ThreadRequest`s
 */
export function startRuntime(
  options: ThreadOptions,
  program: URL = new URL('./thread.js', import.meta.url),
): Runtime {
  const worker = new Worker(program, { workerData: options });
  // A model that is loaded must not keep the process alive by itself; a request under way does.
  worker.unref();
  const waiting = new Map<
    number,
    { resolve: (result: ThreadResult) => void; reject: (error: Error) => void }
  >();
  let nextId = 0;
  let ended: SessionError | undefined;

  const settle = (id: number) => {
    const pending = waiting.get(id);
    waiting.delete(id);
    // While it is being closed the thread stays referenced, or the process could end before it did.
    if (waiting.size === 0 && !ended) worker.unref();
    return pending;
  };
  const end = (error: SessionError) => {
    ended ??= error;
    for (const id of [...waiting.keys()]) settle(id)?.reject(ended);
  };

  worker.on('message', (reply: ThreadReply) => {
    const pending = settle(reply.id);
    if (reply.ok) pending?.resolve(reply.result);
    else pending?.reject(reply.error);
  });
  worker.on('error', (cause) => end(new SessionError("the runtime's thread failed", { cause })));
  worker.on('exit', (code) => end(new SessionError(`the runtime's thread ended (code ${code})`)));

  return {
    request(request, transfer = []) {
      if (ended) return Promise.reject(ended);
      return new Promise<ThreadResult>((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ ...request, id } satisfies ThreadRequest, [...transfer]);
      }).catch((cause: unknown) => {
        if (cause instanceof SessionError) throw cause;
        const what = cause instanceof Error ? cause.message : String(cause);
        throw new SessionError(`graph ${request.graph}: ${request.kind} failed: ${what}`, {
          cause,
        });
      });
    },
    async close() {
      ended ??= new SessionError('the model is closed');
      worker.ref();
      await worker.terminate();
    },
  };
}
