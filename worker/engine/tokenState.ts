/**
 * What the encoder sees: for each modality its visible tokens. Immutable; each step makes a new state
 * that shares what did not change.
 */

/** Pixels and embeddings are rows of floats, everything else is ids. */
export type Content =
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'rows'; readonly rows: Float32Array; readonly width: number };

export interface VisibleTokens {
  /** Index in the grid for pictures, 0, 1, 2 ... for sequences. */
  readonly positions: readonly number[];
  readonly content: Content;
}
export type TokenState = ReadonlyMap<string, VisibleTokens>;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** All tokens of a modality, in order. */
export const fullTokens = (ids: readonly number[]): VisibleTokens => ({
  positions: upTo(ids.length),
  content: { kind: 'ids', ids },
});

/** Rows of floats, one a token. */
export const fullRows = (rows: Float32Array, width: number): VisibleTokens => ({
  positions: upTo(rows.length / width),
  content: { kind: 'rows', rows, width },
});

export function withModality(
  state: TokenState,
  modality: string,
  tokens: VisibleTokens,
): TokenState {
  return new Map([...state, [modality, tokens]]);
}

export function withoutModality(state: TokenState, modality: string): TokenState {
  return new Map([...state].filter(([name]) => name !== modality));
}

/** Ids of a modality by position; an absent modality has none. */
export function idsByPosition(state: TokenState, modality: string): Map<number, number> {
  const tokens = state.get(modality);
  if (tokens?.content.kind !== 'ids') return new Map();
  const { ids } = tokens.content;
  return new Map(tokens.positions.map((position, i) => [position, ids[i]!]));
}

/** The state with further tokens of a picture settled; positions stay sorted. */
export function withTokens(
  state: TokenState,
  modality: string,
  settled: ReadonlyMap<number, number>,
): TokenState {
  const all = [...idsByPosition(state, modality), ...settled].sort(([a], [b]) => a - b);
  return withModality(state, modality, {
    positions: all.map(([position]) => position),
    content: { kind: 'ids', ids: all.map(([, id]) => id) },
  });
}

/** Positions of a picture of `count` tokens that are not settled yet, in index order. */
export function remainingPositions(state: TokenState, modality: string, count: number): number[] {
  const settled = idsByPosition(state, modality);
  return upTo(count).filter((position) => !settled.has(position));
}

/**
 * Two states of one request with the same key look the same to the encoder. Rows of floats are inputs
 * that never change within a request, so their name and length stand for them; an embedding that
 * guidance has emptied has length 1 and all zeros, hence the sum.
 */
export function stateKey(state: TokenState): string {
  return [...state]
    .map(([name, { positions, content }]) => {
      if (content.kind === 'ids') return `${name}:${positions.join()}=${content.ids.join()}`;
      return `${name}:${positions.length}*${content.rows.some((value) => value !== 0)}`;
    })
    .sort()
    .join('|');
}
