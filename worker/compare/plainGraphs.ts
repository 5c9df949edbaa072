/**
 * The `encoder` and `decoder` graphs as functions of states and targets. Rows of one shape share a run,
 * so nothing is padded and no mask is ever set.
 */

import { itemAt } from '../../shared/lookup.ts';
import { logitsName, vocabularyOf } from '../../shared/model/graphNames.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { TokenState } from '../engine/tokenState.ts';
import type { GraphSession, Tensor } from '../session/types.ts';
import { bools, decoderFeeds, encoderFeeds, type Row } from './fmFeeds.ts';
import { floatTensor } from './tensors.ts';

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

function floatsOf(outputs: Readonly<Record<string, Tensor>>, name: string): Float32Array {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`graph output ${name} is missing or not float32`);
  return tensor.data;
}

/** The visible tokens of a state as an encoder's row. */
const rowOf = (state: TokenState): Row =>
  Object.fromEntries(
    [...state].map(([name, { positions, content }]) => {
      if (content.kind === 'ids') return [name, { positions, content: content.ids }];
      const { rows, width } = content;
      const each = positions.map((_, i) => rows.subarray(i * width, (i + 1) * width));
      return [name, { positions, content: each }];
    }),
  );

async function runEncoder(model: ForwardModel, states: readonly TokenState[]): Promise<Context[]> {
  const { config } = model.fm;
  const { feeds, length: tokens } = encoderFeeds(model.fm, states.map(rowOf));
  const data = floatsOf(await model.encoder.run(feeds, ['context']), 'context');
  const size = (config.num_register_tokens + tokens) * config.dim;
  return states.map((_, row) => ({ tokens, data: data.slice(row * size, (row + 1) * size) }));
}

async function runDecoder(
  { fm, decoder }: ForwardModel,
  rows: readonly DecoderRow[],
): Promise<Float32Array[]> {
  const { modality, positions, context, ids } = itemAt(rows, 0, 'rows of a run');
  const { num_register_tokens: registers, dim } = fm.config;
  const contexts = new Float32Array(rows.length * context.data.length);
  for (const [i, row] of rows.entries()) contexts.set(row.context.data, i * context.data.length);
  const seen = floatTensor(contexts, [rows.length, registers + context.tokens, dim]);
  const nothingHidden = Array.from({ length: rows.length * context.tokens }, () => false);
  const mask = bools(nothingHidden, [rows.length, context.tokens]);
  const isSequence = ids !== undefined;
  const feeds = decoderFeeds(fm, { [modality]: rows }, seen, mask, isSequence);
  const name = logitsName(modality);
  const data = floatsOf(await decoder.run(feeds, [name]), name);
  const vocabulary = vocabularyOf(modality, fm.modalities);
  const wanted = (isSequence ? 1 : positions.length) * vocabulary;
  return rows.map((_, row) => {
    const end = (row + 1) * positions.length * vocabulary;
    return data.subarray(end - wanted, end);
  });
}

/** Runs rows of one shape together, and gives the results in the order of the rows. */
async function inBatches<Given, Result>(
  rows: readonly Given[],
  shape: (row: Given) => string,
  run: (batch: readonly Given[]) => Promise<Result[]>,
): Promise<Result[]> {
  const byShape = new Map<string, { readonly index: number; readonly row: Given }[]>();
  for (const [index, row] of rows.entries()) {
    const key = shape(row);
    const same = byShape.get(key) ?? [];
    byShape.set(key, same);
    same.push({ index, row });
  }
  const results = new Array<Result>(rows.length);
  for (const same of byShape.values()) {
    for (let start = 0; start < same.length; start += ROWS_A_RUN) {
      const batch = same.slice(start, start + ROWS_A_RUN);
      const answers = await run(batch.map(({ row }) => row));
      for (const [i, { index }] of batch.entries()) results[index] = itemAt(answers, i, 'answers');
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
