/** The time that a caller gives his request. */
import { pointerTo } from '../shared/api/pointer.ts';
import { refusal } from '../shared/api/problem.ts';

export interface Deadline {
  /** Aborts with `deadline_exceeded` when the time is over; never, without a bound. */
  readonly signal: AbortSignal;
  readonly clear: () => void;
}

/**
 * @param milliseconds no bound when absent
 * @param began when they began to count, by `performance.now()`; now when left out
 */
export function startDeadline(
  milliseconds: number | undefined,
  began = performance.now(),
): Deadline {
  const controller = new AbortController();
  const { signal } = controller;
  if (milliseconds === undefined) return { signal, clear: () => {} };
  const timer = setTimeout(
    () => {
      const detail = `the request needs more time than its deadline_ms of ${milliseconds} allows`;
      controller.abort(refusal('deadline_exceeded', detail, pointerTo('deadline_ms')));
    },
    milliseconds - (performance.now() - began),
  );
  return { signal, clear: () => clearTimeout(timer) };
}
