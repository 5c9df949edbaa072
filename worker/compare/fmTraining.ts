/**
 * The reference's training pass, `train.*`: so many encoder and decoder tokens kept, all targets at once,
 * every head applied to all positions.
 */

import { fieldOf, itemAt } from '../../shared/lookup.ts';
import { logitsName, vocabularyOf } from '../../shared/model/graphNames.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { GraphSession, Tensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import { type FmCase, infoOf, inputRows, registersOf, resolveName } from './fmCase.ts';
import {
  compareTokens,
  encodeRows,
  keptTokens,
  type PlacedToken,
  placedTokens,
} from './fmEncoded.ts';
import { decoderFeeds, type Row, range, type Targets } from './fmFeeds.ts';
import { trainTargets } from './fmInputs.ts';
import { floats, floatTensor, rowOf } from './tensors.ts';

const LOGITS = 'train.logits.';

export async function compareTraining(fmCase: FmCase): Promise<void> {
  const { model, expected, report, used } = fmCase;
  const registers = registersOf(model);
  const tokens = inputRows(fmCase).map((row, b) => encodedPlaces(fmCase, b, row));
  const rows = inputRows(fmCase).map((row, b) => keptTokens(row, itemAt(tokens, b, 'rows')));
  const encoded = await encodeRows(model, rows);
  const outputs = { 'train.encoder_out': 'features', 'train.context': 'context' } as const;
  for (const [name, graphOutput] of Object.entries(outputs)) {
    if (!expected[name] || !encoded.outputs[graphOutput]) continue;
    used.add(name);
    compareTokens(report, name, floats(expected, name), encoded, graphOutput, tokens, registers);
  }
  const { manifest, decoder } = model;
  const logits = Object.keys(expected).filter((name) => name.startsWith(LOGITS));
  if (manifest.kind === 'fm' && decoder && logits.length > 0)
    await compareLogits(fmCase, manifest, decoder, logits, rows);
}

const countsOf = (row: Readonly<Record<string, Pick<Targets, 'positions'>>>) =>
  Object.fromEntries(Object.entries(row).map(([name, { positions }]) => [name, positions.length]));

/** The first tokens up to a pass's number of them, which its mask has to agree with. */
function upToLimit(
  { expected }: FmCase,
  side: 'encoder' | 'decoder',
  row: number,
  tokens: readonly PlacedToken[],
  counts: Readonly<Record<string, number>>,
): PlacedToken[] {
  const limit = Number(expected[`train.num_${side}_tokens`]?.data[0] ?? Number.POSITIVE_INFINITY);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const kept = tokens.slice(0, limit);
  if (kept.length !== Math.min(total, limit))
    throw new CompareError(
      `train.${side}_mod_mask: ${kept.length} tokens in row ${row}, the inputs have ${total}`,
    );
  return kept;
}

/** Encoder tokens that the pass kept. */
function encodedPlaces(fmCase: FmCase, b: number, row: Row): PlacedToken[] {
  const counts = countsOf(row);
  const modMask = fmCase.expected['train.encoder_mod_mask'];
  const tokens = placedTokens(modMask, b, fmCase.order, counts, registersOf(fmCase.model));
  return upToLimit(fmCase, 'encoder', b, tokens, counts);
}

/** Decoder tokens that the pass kept, and what they are. */
function decodedPlaces(
  fmCase: FmCase,
  domains: readonly string[],
  row: number,
): { tokens: PlacedToken[]; targets: Record<string, [Targets]> } {
  const all = Object.fromEntries(
    domains.map((name) => [name, trainTargets(fmCase.inputs, name, row)]),
  );
  const counts = countsOf(all);
  const modMask = fmCase.expected['train.decoder_mod_mask'];
  const placed = placedTokens(modMask, row, fmCase.order, counts);
  const tokens = upToLimit(fmCase, 'decoder', row, placed, counts);
  const targets = Object.fromEntries(
    domains.map((name): [string, [Targets]] => {
      const count = tokens.filter((token) => token.name === name).length;
      const { ids, positions } = fieldOf(all, name, 'targets');
      return [name, [{ ids: ids?.slice(0, count) ?? [], positions: positions.slice(0, count) }]];
    }),
  );
  return { tokens, targets };
}

/** One row of the batch after the other: rows may have different numbers of targets. */
async function compareLogits(
  fmCase: FmCase,
  manifest: FmManifest,
  decoder: GraphSession,
  outputs: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const { expected, report, used, inputs } = fmCase;
  const { domains_out: domains } = manifest.config;
  const attention = expected['train.decoder_attention_mask'];
  const given = (name: string) => `${name}.target_mask` in inputs.tensors;
  const compared = outputs.flatMap((output) => {
    used.add(output);
    const name = resolveName(output.slice(LOGITS.length), domains, given);
    if (name !== undefined)
      return [{ output, name, reference: floats(expected, output), pairs: [] as Pair[] }];
    report.missing(output, `the model predicts no modality ${output.slice(LOGITS.length)}`);
    return [];
  });
  const batch = Math.max(0, ...compared.map(({ reference }) => itemAt(reference.dims, 0, 'dims')));
  for (const row of range(Math.min(batch, rows.length))) {
    const { tokens, targets } = decodedPlaces(fmCase, domains, row);
    if (attention && seesOthers(attention, row, tokens)) {
      report.remark(`not an output of the graphs: ${LOGITS}* of targets that see other modalities`);
      return;
    }
    const { input, outputs: encoded } = await encodeRows(fmCase.model, [itemAt(rows, row, 'rows')]);
    const context = floats(encoded, 'context');
    // All targets in one run, one for either kind of self-attention.
    const run = (causal: boolean) =>
      decoder.run(decoderFeeds(manifest, targets, context, input.mask, causal));
    const [plain, causal] = [await run(false), await run(true)];
    for (const { name, reference, pairs } of compared) {
      const [rowCount = 0, length = 0, columns = 0] = reference.dims;
      if (row >= rowCount) continue;
      const own = tokens.filter((token) => token.name === name);
      const isSequence = infoOf(fmCase, name).type === 'seq';
      const isCausal = attention ? hidesLater(attention, row, own) : isSequence;
      const logits = floats(isCausal ? causal : plain, logitsName(name));
      for (const { place, index } of own)
        pairs.push({
          actual: rowOf(logits, index).subarray(0, columns),
          expected: rowOf(reference, row * length + place),
        });
    }
  }
  for (const { output, name, reference, pairs } of compared) {
    const columns = itemAt(reference.dims, 2, 'dims');
    const vocabulary = vocabularyOf(name, manifest.modalities);
    const stacked = (side: keyof Pair) => {
      const data = new Float32Array(pairs.length * columns);
      pairs.forEach((pair, i) => {
        data.set(pair[side], i * columns);
      });
      return floatTensor(data, [pairs.length, columns]);
    };
    report.values(output, stacked('actual'), stacked('expected'), {
      logits: true,
      note: columns < vocabulary ? `first ${columns} of ${vocabulary} columns` : '',
    });
  }
}

/** Logits of one target. */
interface Pair {
  readonly actual: Float32Array;
  readonly expected: Float32Array;
}

/** Whether one target is kept from another; the mask is (B, M, M), 1 where it is. */
function hides(attention: Tensor, row: number, from: PlacedToken, to: PlacedToken): boolean {
  const length = itemAt(attention.dims, 1, 'dims');
  return Number(attention.data[(row * length + from.place) * length + to.place]) === 1;
}

const hidesLater = (attention: Tensor, row: number, [first, second]: readonly PlacedToken[]) =>
  first !== undefined && second !== undefined && hides(attention, row, first, second);

const seesOthers = (attention: Tensor, row: number, tokens: readonly PlacedToken[]): boolean =>
  tokens.some((from) =>
    tokens.some((to) => from.name !== to.name && !hides(attention, row, from, to)),
  );
