/**
 * What the encoder sees: for each modality its visible tokens. Immutable; each step makes a new state
 * that shares what did not change.
 */
import { itemAt } from '../../shared/lookup.ts';

/** Pixels and embeddings are rows of floats, everything else is ids. */
export type Content =
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'rows'; readonly rows: Float32Array; readonly width: number };

export interface VisibleTokens {
  /** Index in the grid for pictures, 0, 1, 2 ... for sequences. */
  readonly positions: readonly number[];
  readonly content: Content;
  /** Who made the tokens, whatever they turned out to be; absent for what was given. */
  readonly origin?: string;
}
export type TokenState = ReadonlyMap<string, VisibleTokens>;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** All tokens of a modality, in order. */
export const fullTokens = (ids: readonly number[], origin?: string): VisibleTokens => ({
  positions: upTo(ids.length),
  content: { kind: 'ids', ids },
  ...(origin !== undefined && { origin }),
});

/** Rows of floats, one a token. */
export const fullRows = (rows: Float32Array, width: number, origin?: string): VisibleTokens => ({
  positions: upTo(rows.length / width),
  content: { kind: 'rows', rows, width },
  ...(origin !== undefined && { origin }),
});

/** Origin of the one token that an emptied modality shows, which says nothing of the request. */
const EMPTIED = 'emptied';

/** What an emptied sequence shows: the opening sentinel, which stands for the whole of it. */
export const emptySequence = (firstSentinel: number): VisibleTokens =>
  fullTokens([firstSentinel], EMPTIED);

/** Rows of one zero token, by width: the same array each time, so that states with it are equal. */
const zeroRows = new Map<number, Float32Array>();

/** What emptied embeddings show: one row of zeros. */
export function emptyRows(width: number): VisibleTokens {
  const row = zeroRows.get(width) ?? new Float32Array(width);
  zeroRows.set(width, row);
  return fullRows(row, width, EMPTIED);
}

/** True where all that is visible is emptied: what a model predicts from it is the same for all requests. */
export const isEmptied = (state: TokenState): boolean =>
  [...state.values()].every(
    ({ origin, positions }) => origin === EMPTIED || positions.length === 0,
  );

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
  return new Map(
    tokens.positions.map((position, i) => [position, itemAt(ids, i, `ids of ${modality}`)]),
  );
}

/** The state with further tokens of a picture settled; positions stay sorted. */
export function withTokens(
  state: TokenState,
  modality: string,
  settled: ReadonlyMap<number, number>,
  origin?: string,
): TokenState {
  const all = [...idsByPosition(state, modality), ...settled].sort(([a], [b]) => a - b);
  return withModality(state, modality, {
    positions: all.map(([position]) => position),
    content: { kind: 'ids', ids: all.map(([, id]) => id) },
    ...(origin !== undefined && { origin }),
  });
}

/** Positions of a picture of `count` tokens that are not settled yet, in index order. */
export function remainingPositions(state: TokenState, modality: string, count: number): number[] {
  const settled = idsByPosition(state, modality);
  return upTo(count).filter((position) => !settled.has(position));
}

const rowNumbers = new WeakMap<Float32Array, number>();
let nextRowNumber = 0;
/** A number for an array of floats: too long to be compared, it stands for itself. */
function rowNumber(rows: Float32Array): number {
  let known = rowNumbers.get(rows);
  if (known === undefined) {
    known = nextRowNumber++;
    rowNumbers.set(rows, known);
  }
  return known;
}

const keys = new WeakMap<TokenState, string>();

/**
 * Two states with the same key look the same to the encoder, whichever requests they belong to. Ids are
 * compared by value, rows of floats by identity.
 */
export function stateKey(state: TokenState): string {
  const known = keys.get(state);
  if (known !== undefined) return known;
  const key = [...state]
    .filter(([, { positions }]) => positions.length > 0)
    .map(([name, { positions, content }]) => {
      const values = content.kind === 'ids' ? content.ids.join() : `#${rowNumber(content.rows)}`;
      return `${name}:${positions.join()}=${values}`;
    })
    .sort()
    .join('|');
  keys.set(state, key);
  return key;
}

/**
 * What a state is made of, without what the tokens turned out to be: two states of one request that are
 * bound to be equal have the same origin, and others that happen to be equal have not.
 */
export function stateOrigin(state: TokenState): string {
  return [...state]
    .map(([name, { positions, content, origin }]) => {
      const given = content.kind === 'ids' ? 'ids' : rowNumber(content.rows);
      return `${name}:${origin ?? given}:${positions.length}`;
    })
    .sort()
    .join('|');
}
