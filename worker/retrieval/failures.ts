/** What LanceDB's errors mean: they come as texts alone. */
import { FailureError, refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Another process committed first; the same again may succeed. */
export const isConflict = (error: unknown): boolean =>
  /commit conflict|preempted by concurrent|too many concurrent writers|incompatible transaction/i.test(
    textOf(error),
  );

export const isAbsent = (error: unknown): boolean =>
  /was not found|Not found: [^,]*_versions/i.test(textOf(error));

export const isPresent = (error: unknown): boolean => /already exists/i.test(textOf(error));

/** Somebody wrote to the folder of a table while it was deleted. */
export const isRefilled = (error: unknown): boolean => /not empty/i.test(textOf(error));

export const unknownCollection = (name: string): FailureError =>
  refusal('unknown_collection', `there is no collection ${shorten(name)}`);

/** A failure as the caller is told; the log of the worker has the cause. */
export function asRefusal(error: unknown, name: string): FailureError {
  if (error instanceof FailureError) return error;
  if (isAbsent(error)) return unknownCollection(name);
  const retry = { cause: error, retryAfterSeconds: 2 };
  if (isConflict(error)) {
    const detail = `others write to the collection ${shorten(name)} all the time; nothing was changed`;
    return refusal('store_unavailable', detail, undefined, retry);
  }
  const detail = 'the place of the collections cannot be used; the log of the worker says more';
  return refusal('store_unavailable', detail, undefined, retry);
}
