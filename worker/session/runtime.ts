/**
 * The runtime's thread as seen from outside: requests as promises, given to it one at a time, so that one
 * whose caller has gone is never begun; and what happens when the thread dies.
 */
import { Worker } from 'node:worker_threads';
import type { ThreadOptions, ThreadReply, ThreadRequest, ThreadResult } from './messages.ts';
import { SessionError, ThreadEndedError } from './types.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
type Request = WithoutId<ThreadRequest>;

/** Time that an idle thread has to end by itself. */
const ENDING_MILLISECONDS = 2_000;

export interface RequestOptions {
  /** Buffers of the request that are handed over, and not usable here afterwards. */
  readonly transfer?: readonly ArrayBuffer[];
  /** Rejects with its reason at once; a request that waits is not begun. */
  readonly signal?: AbortSignal | undefined;
}

export interface Runtime {
  /**
   * Has the thread do one thing; requests are done in order.
   * @throws SessionError with the runtime's error as `cause`; ThreadEndedError; the signal's reason
   */
  request(request: Request, options?: RequestOptions): Promise<ThreadResult>;
  /** Resolves when the thread ends that should not have. */
  readonly died: Promise<ThreadEndedError>;
  /**
   * Ends the thread and frees the memory of its graphs. Requests still waiting fail; what the thread is at
   * is finished first, since a run that is cut short takes the process with it.
   */
  close(): Promise<void>;
}

interface Waiting {
  readonly request: Request;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: ThreadResult) => void;
  readonly reject: (reason: unknown) => void;
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
  const queue: Waiting[] = [];
  let underWay: { readonly id: number; readonly waiting: Waiting } | undefined;
  let nextId = 0;
  let ended: ThreadEndedError | undefined;
  let closing: Promise<void> | undefined;
  let tellDeath: (error: ThreadEndedError) => void = () => {};
  const died = new Promise<ThreadEndedError>((resolve) => {
    tellDeath = resolve;
  });
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));

  function next(): void {
    if (underWay) return;
    const waiting = queue.shift();
    if (!waiting) {
      if (!closing) worker.unref();
      return;
    }
    const id = nextId++;
    underWay = { id, waiting };
    worker.ref();
    try {
      const message = { ...waiting.request, id } as ThreadRequest;
      worker.postMessage(message, [...waiting.transfer]);
    } catch (error) {
      underWay = undefined;
      waiting.reject(error);
      next();
    }
  }

  function fail(error: ThreadEndedError): void {
    ended ??= error;
    underWay?.waiting.reject(ended);
    for (const { reject } of queue.splice(0)) reject(ended);
  }

  const end = (error: ThreadEndedError): void => {
    if (ended) return;
    fail(error);
    tellDeath(error);
  };

  worker.on('message', (reply: ThreadReply) => {
    if (underWay?.id !== reply.id) return;
    const { waiting } = underWay;
    underWay = undefined;
    if (reply.ok) waiting.resolve(reply.result);
    else waiting.reject(reply.error);
    next();
  });
  worker.on('error', (cause) =>
    end(new ThreadEndedError("the runtime's thread failed", { cause })),
  );
  worker.on('exit', (code) =>
    end(new ThreadEndedError(`the runtime's thread ended (code ${code})`)),
  );

  const ask = async (
    request: Request,
    { transfer = [], signal }: RequestOptions,
  ): Promise<ThreadResult> => {
    let leave = (): void => {};
    try {
      return await new Promise((resolve, reject) => {
        const waiting = { request, transfer, resolve, reject };
        leave = () => {
          const place = queue.indexOf(waiting);
          if (place >= 0) queue.splice(place, 1);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', leave, { once: true });
        queue.push(waiting);
        next();
      });
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  };

  async function shut(): Promise<void> {
    fail(new ThreadEndedError('the model is closed'));
    worker.ref();
    const id = nextId++;
    let timer: NodeJS.Timeout | undefined;
    worker.on('message', (reply: ThreadReply) => {
      // It ends by itself when it has nothing left; one that does not is idle, and may be ended.
      if (reply.id === id) timer = setTimeout(() => void worker.terminate(), ENDING_MILLISECONDS);
    });
    worker.postMessage({ id, kind: 'end' } satisfies ThreadRequest);
    await gone;
    clearTimeout(timer);
  }

  return {
    died,
    async request(request, options = {}) {
      options.signal?.throwIfAborted();
      if (ended) throw ended;
      try {
        return await ask(request, options);
      } catch (cause) {
        if (cause instanceof SessionError || options.signal?.aborted) throw cause;
        const what = cause instanceof Error ? cause.message : String(cause);
        const graph = 'graph' in request ? request.graph : '';
        throw new SessionError(`graph ${graph}: ${request.kind} failed: ${what}`, { cause });
      }
    },
    close() {
      closing ??= shut();
      return closing;
    },
  };
}
