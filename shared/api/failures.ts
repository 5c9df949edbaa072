/** Failures of the items of one request, told together: each with the pointer of its item. */
import { pause } from '../pause.ts';
import { FailureError, type FieldError, MOST_ERRORS } from './problem.ts';

/** An error as it is told of an item, whose fields lie below `at`. @param at such as `/items/3` */
export function failureAt(error: unknown, at: string): unknown {
  if (!(error instanceof FailureError) || at === '') return error;
  const { errors = [{ detail: error.failure.detail, pointer: '' }], ...failure } = error.failure;
  const placed = errors.map(({ detail, pointer }) => ({ detail, pointer: at + pointer }));
  return new FailureError({ ...failure, errors: placed }, { cause: error });
}

/**
 * One error for several: the first one's, with the fields of all. One that is no failure goes before the others.
 * @param errors not empty
 */
export function together(errors: readonly unknown[]): unknown {
  const failures = errors.filter((error) => error instanceof FailureError);
  const [first] = failures;
  const other = errors.find((error) => !(error instanceof FailureError));
  if (other !== undefined || !first || failures.length === 1) return other ?? first;
  const fields = failures.flatMap(({ failure }): readonly FieldError[] => failure.errors ?? []);
  const more = failures.length - 1;
  const detail = `${first.failure.detail}, and ${more} more ${more === 1 ? 'item does' : 'items do'} not fit`;
  return new FailureError({ ...first.failure, detail, errors: fields.slice(0, MOST_ERRORS) });
}

/** What `work` makes of each item. @throws what `together` makes of all that it throws */
export function eachOf<T, R>(items: readonly T[], work: (item: T, index: number) => R): R[] {
  const errors: unknown[] = [];
  const results = items.flatMap((item, index) => {
    try {
      return [work(item, index)];
    } catch (error) {
      errors.push(error);
      return [];
    }
  });
  if (errors.length > 0) throw together(errors);
  return results;
}

/** Items that are worked on between two pauses: a few milliseconds at most. */
export const ITEMS_A_SLICE = 4;

/** As `eachOf`, with pauses between slices of the items, so that others get their turn. */
export async function eachInSlices<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => R,
): Promise<R[]> {
  const outcomes: (() => R)[] = [];
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % ITEMS_A_SLICE === 0) await pause();
    try {
      const result = work(item, index);
      outcomes.push(() => result);
    } catch (error) {
      outcomes.push(() => {
        throw error;
      });
    }
  }
  return eachOf(outcomes, (outcome) => outcome());
}

/** As `eachOf`, of work that takes its time: all of it at once. */
export async function eachAtOnce<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const outcomes = await Promise.allSettled(items.map(work));
  return eachOf(outcomes, (outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
