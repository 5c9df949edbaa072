/** A bound on the time a job takes. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';

export interface Deadline {
  /** Aborts when the caller's does, or when the time is over: then its reason is the failure. */
  readonly signal: AbortSignal;
  readonly clear: () => void;
}

/**
 * @param milliseconds from the arrival; no bound when absent
 * @param arrived by `performance.now()`
 */
export function withDeadline(
  milliseconds: number | undefined,
  arrived: number,
  signal: AbortSignal,
): Deadline {
  if (milliseconds === undefined) return { signal, clear: () => {} };
  const controller = new AbortController();
  const left = Math.max(0, milliseconds - (performance.now() - arrived));
  const timer = setTimeout(() => {
    const detail = `the request needs more time than its deadline_ms of ${milliseconds} allows`;
    controller.abort(refusal('deadline_exceeded', detail, pointerTo('deadline_ms')));
  }, left);
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    clear: () => clearTimeout(timer),
  };
}
