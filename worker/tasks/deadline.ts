/** A bound on the time a request takes. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';

export interface Deadline {
  /** Aborts when the caller's does, or when the time is over: then its reason is the failure. */
  readonly signal: AbortSignal | undefined;
  readonly clear: () => void;
}

/** @param milliseconds from now; no bound when absent */
export function withDeadline(
  milliseconds: number | undefined,
  signal: AbortSignal | undefined,
): Deadline {
  if (milliseconds === undefined) return { signal, clear: () => {} };
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const detail = `the request was not done after ${milliseconds} ms`;
    controller.abort(refusal('deadline_exceeded', detail, pointerTo('deadline_ms')));
  }, milliseconds);
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    clear: () => clearTimeout(timer),
  };
}
