/** A short wait before a run, for those who are about to ask: none where nobody is. */

/**
 * Share of a run's time that is waited at most, and the longest wait. Sequences gain most from company: one more of
 * them costs a fraction of a run of its own.
 */
const SHARE = { write: 0.5, other: 0.1 } as const;
const LONGEST_MILLISECONDS = 8;

export interface Expectation {
  /** Whether somebody is there who will ask, and has not yet. */
  readonly isExpected: () => boolean;
  /** Resolves when somebody asks. */
  readonly arrival: () => Promise<void>;
  /** Time of the coming run, as far as earlier ones tell. */
  readonly milliseconds: number;
  /** Whether sequences alone wait for it. */
  readonly isWriting: boolean;
}

/** Resolves when nobody is expected any more, or the time is over. */
export async function waitBeforeRun({
  isExpected,
  arrival,
  milliseconds,
  isWriting,
}: Expectation): Promise<void> {
  const longest = Math.min(
    LONGEST_MILLISECONDS,
    SHARE[isWriting ? 'write' : 'other'] * milliseconds,
  );
  const end = performance.now() + longest;
  while (isExpected()) {
    const left = end - performance.now();
    if (left < 1) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, left);
    });
    await Promise.race([arrival(), over]);
    clearTimeout(timer);
  }
}
