/**
 * MaskGIT: predict every open position, keep the tokens the model is surest of.
 *
 * Filters, low temperatures and temperature zero make many tokens equally sure (1.0). The reference then
 * keeps whichever its sort puts first; here the probability without filters decides, and only then the
 * position, so that the result is defined and the choice means something.
 */

export interface Candidate {
  readonly position: number;
  readonly id: number;
  /** Its probability after filters and temperature; 1 at temperature zero. */
  readonly confidence: number;
  /** Its probability without filters at temperature 1. */
  readonly likelihood: number;
}

/** All open positions are predicted at every step. */
export const maskgitPositions = (open: readonly number[]): readonly number[] => open;

/** The `count` most confident candidates. */
export function keepMostConfident(candidates: readonly Candidate[], count: number): Candidate[] {
  return [...candidates]
    .sort(
      (a, b) =>
        b.confidence - a.confidence || b.likelihood - a.likelihood || a.position - b.position,
    )
    .slice(0, count);
}
