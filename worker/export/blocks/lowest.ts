/** What stands for minus infinity in the graphs. */

/**
 * Far below every score and logit, and within the range of 16 bits (down to -65,504). It is finite, so that a
 * row in which everything is hidden has a uniform softmax and never a NaN, as in the reference.
 */
export const LOWEST = -6e4;
