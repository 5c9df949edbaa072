/** A bound on the time a request takes. */
import { FailureError } from '../../shared/api/problem.ts';

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
    const errors = [{ detail, pointer: '/deadline_ms' }];
    controller.abort(new FailureError({ code: 'deadline_exceeded', detail, errors }));
  }, milliseconds);
  return {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    clear: () => clearTimeout(timer),
  };
}
