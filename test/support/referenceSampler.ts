/**
 * The reference's `GenerationSampler` at temperature 0, as it is written there: a dict of ids with an input
 * mask and a target mask for each modality, edited step after step, and a full forward pass for each step and
 * token. It shares nothing with the engine but the `encoder` and `decoder` graphs.
 */
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { decoderFeeds, encoderFeeds, type Row, range } from './fmFeeds.ts';
import { floats } from './shared.ts';

export interface ReferenceModel {
  readonly manifest: FmManifest;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession;
  readonly isSentinel: (id: number) => boolean;
}

/** One modality: what is there, what the encoder sees of it, and what is to be generated. */
interface Entry {
  readonly content: readonly number[] | readonly Float32Array[];
  readonly visible: readonly boolean[];
  readonly target: readonly boolean[];
}
export type Dict = Readonly<Record<string, Entry>>;

export const EOS = 3;
export const sentinel = (k: number): number => 4 + k;
/** `init_full_input_modality`, of ids or of rows of floats. */
export const full = (content: Entry['content']): Entry => ({
  content,
  visible: content.map(() => true),
  target: content.map(() => false),
});

/** A grid of which some ids are known; null is to be generated. */
export const partialGrid = (ids: readonly (number | null)[]): Entry => ({
  content: ids.map((id) => id ?? 0),
  visible: ids.map((id) => id !== null),
  target: ids.map((id) => id === null),
});

/** `init_empty_target_modality`: of a sequence the first sentinel is visible. */
export const emptyGrid = (tokens: number): Entry => ({
  content: range(tokens).map(() => 0),
  visible: range(tokens).map(() => false),
  target: range(tokens).map(() => true),
});
export const emptySequence = (length: number): Entry => ({
  content: [sentinel(1), sentinel(1), ...range(length - 3).map(() => 0), sentinel(2)],
  visible: range(length).map((i) => i === 0),
  target: range(length).map((i) => i > 0),
});

/** `custom_text`: given ids with gaps from [S_1] on, and a buffer behind them that begins with it. */
export function gappedSequence(ids: readonly number[], most: number): Entry {
  const first = sentinel(1);
  const buffer = [first, ...range(most - 1).map(() => 0)];
  return {
    content: [...ids, ...buffer],
    visible: [...ids.map(() => true), ...buffer.map(() => false)],
    target: [...ids.map(() => false), ...buffer.map(() => true)],
  };
}

/** `empty_img_modality`, `empty_seq_modality`: what the unconditional pass has in a condition's place. */
const emptied = (entry: Entry, isGrid: boolean): Entry =>
  isGrid
    ? { ...entry, visible: entry.visible.map(() => false) }
    : {
        ...entry,
        content: entry.content.map(() => sentinel(1)),
        visible: entry.visible.map((_, i) => i === 0),
      };

export interface ReferenceStep {
  readonly target: string;
  /** Tokens of each decoding step; one `null` for a sequence. */
  readonly counts: readonly (number | null)[];
  readonly guidance: number | Readonly<Record<string, number>>;
}

export interface ReferenceChain {
  readonly dict: Dict;
  readonly steps: readonly ReferenceStep[];
  /** Domains that guidance empties in the first step. */
  readonly conditions: readonly string[];
  /** The positions in the order in which ROAR takes them. */
  readonly shuffle: (positions: readonly number[], target: string, step: number) => number[];
}

/** @returns ids of each target in order of position */
export async function runReference(
  model: ReferenceModel,
  { dict, steps, conditions, shuffle }: ReferenceChain,
): Promise<Record<string, number[]>> {
  let state = dict;
  let grown = [...conditions];
  const results: Record<string, number[]> = {};
  for (const { target, counts, guidance } of steps) {
    const isGrid = model.manifest.modalities[target]?.type === 'img';
    const seen = (now: Dict) => passesOf(model, now, target, guidance, grown);
    if (isGrid) {
      for (const [step, count] of counts.entries()) {
        const open = indices(state[target]!.target);
        const positions = shuffle(open, target, step)
          .slice(0, count ?? 0)
          .sort((a, b) => a - b);
        const rows = await logitsOf(model, seen(state), target, positions);
        const ids = rows.map(argmax);
        state = { ...state, [target]: settled(state[target]!, positions, ids) };
      }
      if (!grown.includes(target)) grown = [...grown, target];
    } else
      state = { ...state, [target]: await written(model, state[target]!, seen(state), target) };
    const { content, visible } = state[target]!;
    results[target] = indices(visible).map((i) => content[i] as number);
  }
  return results;
}

const indices = (flags: readonly boolean[]): number[] =>
  flags.flatMap((flag, i) => (flag ? i : []));

function settled(entry: Entry, positions: readonly number[], ids: readonly number[]): Entry {
  const content = [...(entry.content as readonly number[])];
  for (const [i, position] of positions.entries()) content[position] = ids[i]!;
  return {
    content,
    visible: entry.visible.map((flag, i) => flag || positions.includes(i)),
    target: entry.target.map((flag, i) => flag && !positions.includes(i)),
  };
}

interface Pass {
  readonly dict: Dict;
  readonly weight: number;
}

/** The forward passes of a step, and how much the logits of each count. */
function passesOf(
  { manifest }: ReferenceModel,
  dict: Dict,
  target: string,
  guidance: ReferenceStep['guidance'],
  conditions: readonly string[],
): Pass[] {
  if (typeof guidance === 'number') {
    if (guidance === 1) return [{ dict, weight: 1 }];
    const empty = Object.fromEntries(
      Object.entries(dict).map(([name, entry]) => {
        const isCondition = conditions.includes(name) && name !== target;
        const isGrid = manifest.modalities[name]?.type === 'img';
        return [name, isCondition ? emptied(entry, isGrid) : entry];
      }),
    );
    return [
      { dict, weight: guidance },
      { dict: empty, weight: 1 - guidance },
    ];
  }
  const names = Object.keys(guidance);
  const rest = Object.fromEntries(Object.entries(dict).filter(([name]) => !names.includes(name)));
  const total = Object.values(guidance).reduce((sum, weight) => sum + weight, 0);
  return [
    ...Object.entries(guidance).map(([name, weight]) => ({
      dict: { ...rest, [name]: dict[name]! },
      weight,
    })),
    { dict: rest, weight: 1 - total },
  ];
}

function visibleRow({ manifest }: ReferenceModel, dict: Dict): Row {
  return Object.fromEntries(
    manifest.config.domains_in.flatMap((name) => {
      const entry = dict[name];
      if (!entry) return [];
      const shown = indices(entry.visible);
      const isGrid = manifest.modalities[name]?.type === 'img';
      const content = shown.map((i) => entry.content[i]!) as Row[string]['content'];
      return [[name, { content, positions: isGrid ? shown : range(shown.length) }]];
    }),
  );
}

/** Weighted sum of the passes' logits, one row a position; of a sequence that of the last id alone. */
async function logitsOf(
  model: ReferenceModel,
  passes: readonly Pass[],
  target: string,
  positions: readonly number[],
  ids?: readonly number[],
): Promise<Float64Array[]> {
  const { manifest, encoder, decoder } = model;
  const size = manifest.modalities[target]!.vocab_size!;
  const first = ids ? positions.length - 1 : 0;
  const sums = positions.slice(first).map(() => new Float64Array(size));
  for (const { dict, weight } of passes) {
    const { feeds, mask } = encoderFeeds(manifest, [visibleRow(model, dict)]);
    const { context } = await encoder.run(feeds, ['context']);
    const rows = { [target]: [{ positions, ...(ids && { ids }) }] };
    const name = `${target}.logits`;
    const given = decoderFeeds(manifest, rows, context!, mask, ids !== undefined);
    const { data } = floats(await decoder.run(given, [name]), name);
    for (const [row, sum] of sums.entries())
      for (let i = 0; i < size; i++) sum[i]! += weight * data[(first + row) * size + i]!;
  }
  return sums;
}

const argmax = (values: Float64Array): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);

/** `autoregressive_step_batched`, and `merge_span_masking` of what it wrote. */
async function written(
  model: ReferenceModel,
  entry: Entry,
  passes: readonly Pass[],
  target: string,
): Promise<Entry> {
  const { content } = entry as { content: readonly number[] };
  const { isSentinel } = model;
  const buffer = indices(entry.target).map((i) => content[i]!);
  const given = indices(entry.visible).map((i) => content[i]!);
  const gaps = new Set(given.filter(isSentinel)).size;
  const info = model.manifest.modalities[target]!;
  const out = [buffer[0]!];
  for (let i = 0; i < Math.min(buffer.length, info.max_tokens); i++) {
    const [last] = await logitsOf(model, passes, target, range(out.length), out);
    out.push(argmax(last!));
    if (out.at(-1) === EOS || out.at(-1) === sentinel(gaps + 1)) break;
  }
  const spans: Record<number, number[]> = {};
  let current = -1;
  for (const id of out) {
    if (isSentinel(id)) current = id;
    else spans[current] = [...(spans[current] ?? []), id];
  }
  return full(given.flatMap((id) => (isSentinel(id) ? (spans[id] ?? []) : [id])));
}
