/** Everything that can end a job before it is done, as one signal. */
import { setMaxListeners } from 'node:events';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';

export interface JobSignal {
  /** Aborts with the reason of the first source that does, or with `deadline_exceeded`. */
  readonly signal: AbortSignal;
  /** Lets go of the sources, which may outlive the job by far. */
  readonly release: () => void;
}

/**
 * @param sources such as the caller's signal, and the one that ends a drain
 * @param deadline milliseconds that the caller gives the job, and when it arrived by `performance.now()`
 */
export function jobSignal(
  sources: readonly AbortSignal[],
  deadline?: { readonly milliseconds: number; readonly arrived: number },
): JobSignal {
  const controller = new AbortController();
  // Each item of a job listens: many items are no leak.
  setMaxListeners(0, controller.signal);
  const listeners = sources.map((source) => {
    const pass = (): void => controller.abort(source.reason);
    if (source.aborted) pass();
    source.addEventListener('abort', pass, { once: true });
    return { source, pass };
  });
  let timer: NodeJS.Timeout | undefined;
  if (deadline) {
    const { milliseconds, arrived } = deadline;
    const left = milliseconds - (performance.now() - arrived);
    const end = (): void => {
      const detail = `the request needs more time than its deadline_ms of ${milliseconds} allows`;
      controller.abort(refusal('deadline_exceeded', detail, pointerTo('deadline_ms')));
    };
    // What is over is not begun, not even for the moment that a timer takes.
    if (left <= 0) end();
    else timer = setTimeout(end, left);
  }
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      for (const { source, pass } of listeners) source.removeEventListener('abort', pass);
    },
  };
}

/**
 * The outcome of work, or the signal's reason as soon as it aborts; the work is left to end by itself.
 * @throws as the work does; the signal's reason
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    // Nobody looks at the loser of the race any more.
    work.catch(() => {});
    aborted.catch(() => {});
  }
}
