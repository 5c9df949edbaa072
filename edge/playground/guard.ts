/** Runs what may fail, and shows what went wrong. */
import { showProblem } from './problems.ts';

/** @param isLook whether nobody asked for it: then what it says goes as soon as such a look succeeds again */
export type Guard = (work: () => Promise<void>, isLook?: boolean) => Promise<void>;

/** What went wrong stays in `problem` until the next thing is asked for. */
export function createGuard(problem: HTMLElement): Guard {
  let isOfLook = false;
  return async (work, isLook = false) => {
    if (!isLook) problem.replaceChildren();
    try {
      await work();
      if (isLook && isOfLook) problem.replaceChildren();
    } catch (failure) {
      isOfLook = isLook;
      showProblem(problem, failure, undefined);
    }
  };
}
