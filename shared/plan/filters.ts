/** Filters of sampling: which tokens can be drawn. They act on raw logits, before the temperature divides them. */
export interface Filters {
  /** 0 is off; below 1 a fraction of the vocabulary; otherwise a count. Ties at the border are kept. */
  readonly topK: number;
  /** 0 is off. Keeps the most likely tokens up to and with the one that crosses this probability. */
  readonly topP: number;
}

/** Every token can be drawn. */
export const NO_FILTERS: Filters = { topK: 0, topP: 0 };
