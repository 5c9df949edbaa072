/** How often what waits is taken for lost: ever more rarely, since its message may well be on its way. */

/** How often an age has been doubled since it was doubtful. */
const doublings = (age: number, doubtful: number): number =>
  age < doubtful ? 0 : 1 + Math.floor(Math.log2(age / doubtful));

/**
 * Whether an age has been doubled, from the first doubtful one, since a time ago.
 * @param doubtful above 0; milliseconds, as the others
 */
export const isDoubtful = (age: number, sinceMilliseconds: number, doubtful: number): boolean =>
  doublings(age, doubtful) > doublings(age - sinceMilliseconds, doubtful);
