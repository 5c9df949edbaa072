/**
 * The `encoder` and `decoder` graphs as functions of states and targets. Rows of one shape share a run,
 * so nothing is padded and no mask is ever set.
 */

import type { FmManifest } from '../../shared/model/manifest.ts';
import type { TokenState, VisibleTokens } from '../engine/tokenState.ts';
import type { FloatTensor, GraphSession, IntTensor, Tensor } from '../session/types.ts';

/** What of a loaded model this needs. */
export interface ForwardModel {
  readonly fm: FmManifest;
  readonly encoder: GraphSession;
  readonly decoder: GraphSession;
}

/** What the encoder makes of a state. */
export interface Context {
  readonly tokens: number;
  /** (R + N, D): register tokens first. */
  readonly data: Float32Array;
}

/** Targets to decode from a context. */
export interface DecoderRow {
  readonly context: Context;
  readonly modality: string;
  readonly positions: readonly number[];
  /** Sequences only: the prediction wanted is the one after the last of these. */
  readonly ids?: readonly number[];
}

/** Rows computed in one run at most: bounds the memory of a batch. */
const ROWS_A_RUN = 8;

const int64 = (dims: readonly number[], values: readonly number[]): IntTensor => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

function concatenated(dims: readonly number[], parts: readonly Float32Array[]): FloatTensor {
  const data = new Float32Array(dims.reduce((product, size) => product * size, 1));
  let offset = 0;
  for (const part of parts) {
    data.set(part, offset);
    offset += part.length;
  }
  return { type: 'float32', dims, data };
}

const emptyMask = (rows: number, tokens: number): Tensor => ({
  type: 'bool',
  dims: [rows, tokens],
  data: new Uint8Array(rows * tokens),
});

function floats(outputs: Readonly<Record<string, Tensor>>, name: string): FloatTensor {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`graph output ${name} is missing or not float32`);
  return tensor;
}

/** Feeds of one input modality: the same number of tokens in each row. */
function modalityFeeds(
  { fm }: ForwardModel,
  name: string,
  visible: readonly (VisibleTokens | undefined)[],
): Record<string, Tensor> {
  const info = fm.modalities[name]!;
  const dims = [visible.length, visible[0]?.positions.length ?? 0];
  const positions = int64(
    dims,
    visible.flatMap((part) => part?.positions ?? []),
  );
  const contents = visible.flatMap((part) => (part ? [part.content] : []));
  if (info.pixels || info.type === 'seq_emb') {
    const width = info.pixels ? 3 * info.patch_size! ** 2 : (info.embedding_size ?? 4096);
    const parts = contents.map((part) => (part.kind === 'rows' ? part.rows : new Float32Array()));
    const input = `${name}.${info.pixels ? 'patches' : 'embeddings'}`;
    return {
      [`${name}.positions`]: positions,
      [input]: concatenated([...dims, width], parts),
    };
  }
  const ids = contents.flatMap((part) => (part.kind === 'ids' ? part.ids : []));
  return { [`${name}.positions`]: positions, [`${name}.ids`]: int64(dims, ids) };
}

async function runEncoder(model: ForwardModel, states: readonly TokenState[]): Promise<Context[]> {
  const { config } = model.fm;
  const feeds: Record<string, Tensor> = {};
  let tokens = 0;
  for (const name of config.domains_in) {
    const visible = states.map((state) => state.get(name));
    tokens += visible[0]?.positions.length ?? 0;
    Object.assign(feeds, modalityFeeds(model, name, visible));
  }
  feeds.mask = emptyMask(states.length, tokens);
  const { data } = floats(await model.encoder.run(feeds, ['context']), 'context');
  const size = (config.num_register_tokens + tokens) * config.dim;
  return states.map((_, row) => ({ tokens, data: data.slice(row * size, (row + 1) * size) }));
}

async function runDecoder(
  { fm, decoder }: ForwardModel,
  rows: readonly DecoderRow[],
): Promise<Float32Array[]> {
  const { modality, positions, context, ids } = rows[0]!;
  const feeds: Record<string, Tensor> = {};
  for (const name of fm.config.domains_out) {
    const decoded = name === modality;
    const dims = [rows.length, decoded ? positions.length : 0];
    const all = (part: 'positions' | 'ids') => rows.flatMap((row) => row[part] ?? []);
    feeds[`${name}.positions`] = int64(dims, decoded ? all('positions') : []);
    if (fm.modalities[name]!.type === 'seq') {
      feeds[`${name}.ids`] = int64(dims, decoded ? all('ids') : []);
    }
  }
  const length = fm.config.num_register_tokens + context.tokens;
  feeds.context = concatenated(
    [rows.length, length, fm.config.dim],
    rows.map((row) => row.context.data),
  );
  feeds.mask = emptyMask(rows.length, context.tokens);
  const causal = ids !== undefined;
  feeds.causal = { type: 'bool', dims: [], data: Uint8Array.of(causal ? 1 : 0) };
  const name = `${modality}.logits`;
  const { data } = floats(await decoder.run(feeds, [name]), name);
  const vocabulary = fm.modalities[modality]!.vocab_size!;
  const wanted = (causal ? 1 : positions.length) * vocabulary;
  return rows.map((_, row) => {
    const end = (row + 1) * positions.length * vocabulary;
    return data.subarray(end - wanted, end);
  });
}

/** Runs rows of one shape together, and gives the results in the order of the rows. */
async function inBatches<Row, Result>(
  rows: readonly Row[],
  shape: (row: Row) => string,
  run: (batch: readonly Row[]) => Promise<Result[]>,
): Promise<Result[]> {
  const byShape = new Map<string, number[]>();
  for (const [i, row] of rows.entries()) {
    const key = shape(row);
    const known = byShape.get(key);
    if (known) known.push(i);
    else byShape.set(key, [i]);
  }
  const results = new Array<Result>(rows.length);
  for (const indices of byShape.values()) {
    for (let start = 0; start < indices.length; start += ROWS_A_RUN) {
      const batch = indices.slice(start, start + ROWS_A_RUN);
      const answers = await run(batch.map((i) => rows[i]!));
      for (const [i, index] of batch.entries()) results[index] = answers[i]!;
    }
  }
  return results;
}

/** Encodes states. */
export function encodeStates(
  model: ForwardModel,
  states: readonly TokenState[],
): Promise<Context[]> {
  const { domains_in } = model.fm.config;
  const shape = (state: TokenState) =>
    domains_in.map((name) => state.get(name)?.positions.length ?? 0).join();
  return inBatches(states, shape, (batch) => runEncoder(model, batch));
}

/** @returns logits (m, V) of each row; of a sequence those after its last id, (1, V) */
export function decodeRows(
  model: ForwardModel,
  rows: readonly DecoderRow[],
): Promise<Float32Array[]> {
  const shape = ({ modality, positions, context, ids }: DecoderRow) =>
    `${modality} ${positions.length} ${context.tokens} ${ids !== undefined}`;
  return inBatches(rows, shape, (batch) => runDecoder(model, batch));
}
