/** How long runs take, learned from those that were: what bounds the next one. */

/** Runs of so many rows or tokens resemble each other: 1, 2, 3 to 4, 5 to 8, ... */
const sizeClass = (size: number): number => Math.ceil(Math.log2(Math.max(size, 1)));

export interface Pace {
  /** Milliseconds that a run of such a kind and size takes; undefined before any was learned. */
  readonly expected: (kind: string, size: number) => number | undefined;
  readonly learn: (kind: string, size: number, milliseconds: number) => void;
}

export function createPace(): Pace {
  const times = new Map<string, { readonly size: number; readonly milliseconds: number }>();
  const keyOf = (kind: string, size: number): string => `${kind} ${sizeClass(size)}`;
  return {
    expected(kind, size) {
      let least: number | undefined;
      for (let known = size; known >= 1; known = Math.floor(known / 2)) {
        const found = times.get(keyOf(kind, known));
        if (!found) continue;
        const isOwn = sizeClass(known) === sizeClass(size);
        const time =
          isOwn || isCheaper(kind) ? found.milliseconds : (found.milliseconds / found.size) * size;
        // Of larger sizes the time of the next smaller one is the least that can be expected.
        if (isCheaper(kind)) return time;
        // A run takes no longer than its parts one by one: a slow moment of a large one would be believed for ever,
        // since no other of that size would follow.
        least = Math.min(least ?? time, time);
      }
      return least;
    },
    learn(kind, size, milliseconds) {
      const key = keyOf(kind, size);
      const known = times.get(key);
      // The mean of what was known and what is new: one slow moment does not decide.
      const mean = known ? (known.milliseconds + milliseconds) / 2 : milliseconds;
      times.set(key, { size, milliseconds: mean });
    },
  };
}

/** Tokens of many sequences take little longer than those of one, since each reads all weights. */
const isCheaper = (kind: string): boolean => kind === 'write';
