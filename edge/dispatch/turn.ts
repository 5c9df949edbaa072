/** In which order workers are tried: those first that answer soonest, and of these each request another one first. */

/**
 * @param all in an order of their own, which stays
 * @param turn how many requests came before
 * @param wait 0 for those that answer soonest; a whole number
 */
export function* inTurn<W>(
  all: readonly W[],
  turn: number,
  wait: (worker: W) => number,
): Generator<W, void, undefined> {
  const waits = all.map(wait);
  for (const rank of [...new Set(waits)].sort((a, b) => a - b))
    for (let i = 0; i < all.length; i++) {
      const at = (turn + i) % all.length;
      const worker = all[at];
      if (worker !== undefined && waits[at] === rank) yield worker;
    }
}
