/** States side by side: which are encoded in a run, which are known already, and where their rows lie. */
import { fieldOf, itemAt, valueAt } from '../../../shared/lookup.ts';
import { contentInput, positionsName } from '../../../shared/model/graphNames.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import { stateKey, type TokenState } from '../../engine/tokenState.ts';
import type { Tensor } from '../../session/types.ts';
import { float32, int64, joined } from './feeds.ts';

/** What the decoder knows of a state. */
export interface KeptContext {
  /** Register tokens included. */
  readonly tokens: number;
  /** (tokens, D) */
  readonly rows: Float32Array;
}
export type KeptContexts = Map<string, KeptContext>;

export interface PackedStates {
  readonly feeds: Record<string, Tensor>;
  /** Rows of the run's context that belong to a state, by its `stateKey`. */
  readonly rowsOf: (key: string) => readonly number[];
  /** Rows of all of them. */
  readonly rows: number;
  /** Keys of the states that the run encodes, and their places in its output `context`. */
  readonly encoded: ReadonlyMap<string, readonly number[]>;
}

/** Tokens of a state, without registers. */
export const tokensOf = (state: TokenState): number =>
  [...state.values()].reduce((sum, { positions }) => sum + positions.length, 0);

/** Feeds for the encoder part of a run: the states that are not known yet, one after the other. */
export function packStates(
  manifest: FmManifest,
  states: readonly TokenState[],
  known: ReadonlyMap<string, KeptContext>,
): PackedStates {
  const { dim } = manifest.config;
  const unique = new Map(states.map((state) => [stateKey(state), state]));
  const fresh = [...unique].filter(([key]) => !known.has(key));
  const { feeds, places } = inputFeeds(
    manifest,
    fresh.map(([, state]) => state),
  );
  const rows = new Map<string, readonly number[]>();
  let end = 0;
  const claim = (key: string, tokens: number) => {
    const start = end;
    rows.set(
      key,
      Array.from({ length: tokens }, (_, i) => start + i),
    );
    end += tokens;
  };
  for (const [i, [key]] of fresh.entries())
    claim(key, itemAt(places, i, 'places of states').length);
  const encoded = new Map(rows);
  const encodedRows = end;
  const lengths = new Set(places.map(({ length }) => length));
  const stateRows = lengths.size === 1 && !lengths.has(0) ? fresh.length : 1;
  const kept = [...unique.keys()].filter((key) => known.has(key));
  const keptContexts = kept.map((key) => valueAt(known, key, 'contexts'));
  for (const [i, key] of kept.entries()) claim(key, itemAt(keptContexts, i, 'contexts').tokens);
  return {
    feeds: {
      ...feeds,
      order: int64([encodedRows], places.flat()),
      segments: int64(
        [stateRows, encodedRows / stateRows],
        places.flatMap((list, segment) => list.map(() => segment)),
      ),
      kept_context:
        kept.length > 0
          ? joined(
              [end - encodedRows, dim],
              keptContexts.map((context) => context.rows),
            )
          : float32([0, dim], []),
    },
    rows: end,
    encoded,
    rowsOf: (key) => valueAt(rows, key, 'rows of states'),
  };
}

/**
 * Inputs of every modality, registers first, each with the tokens of all states.
 * @returns the feeds, and where each state's tokens lie among all of them
 */
function inputFeeds({ config, modalities }: FmManifest, states: readonly TokenState[]) {
  const feeds: Record<string, Tensor> = {};
  const places: number[][] = states.map(() => []);
  let end = 0;
  const place = (state: number, count: number) => {
    const own = itemAt(places, state, 'places of states');
    for (let i = 0; i < count; i++) own.push(end++);
  };
  const registers = config.num_register_tokens;
  if (registers > 0) {
    const ids = states.flatMap(() => Array.from({ length: registers }, (_, i) => i));
    feeds['registers.ids'] = int64([1, ids.length], ids);
    for (const state of states.keys()) place(state, registers);
  }
  for (const name of config.domains_in) {
    const input = contentInput(name, fieldOf(modalities, name, 'modalities'));
    const parts = states.map((state) => state.get(name));
    const positions = parts.flatMap((part) => [...(part?.positions ?? [])]);
    for (const [state, part] of parts.entries()) place(state, part?.positions.length ?? 0);
    feeds[positionsName(name)] = int64([1, positions.length], positions);
    const contents = parts.flatMap((part) => (part ? [part.content] : []));
    if (input.kind === 'rows') {
      const rows = contents.flatMap((part) => (part.kind === 'rows' ? [part.rows] : []));
      feeds[input.name] = joined([1, positions.length, input.width], rows);
    } else {
      const ids = contents.flatMap((part) => (part.kind === 'ids' ? [...part.ids] : []));
      feeds[input.name] = int64([1, ids.length], ids);
    }
  }
  return { feeds, places };
}

/** The rows of one state out of a run's `context` (N, D). */
export function keepContext(
  context: Float32Array,
  places: readonly number[],
  dim: number,
): KeptContext {
  const rows = new Float32Array(places.length * dim);
  for (const [i, place] of places.entries())
    rows.set(context.subarray(place * dim, (place + 1) * dim), i * dim);
  return { tokens: places.length, rows };
}
