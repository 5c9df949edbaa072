/** Agreement of an FM: pictures that it makes up itself, and every other target predicted from them. */

import { fieldOf, itemAt, present, valueAt } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import { planTarget } from '../../../shared/plan/targetPlan.ts';
import { runLockstep } from '../../batching/lockstep.ts';
import { decoderFeeds, encoderFeeds, type Row } from '../../compare/fmFeeds.ts';
import { plainRunner } from '../../compare/plain.ts';
import { generate } from '../../engine/generate.ts';
import { argmax, seededChance } from '../../engine/sampling.ts';
import type { Tensor } from '../../session/types.ts';
import { type Agreement, addUp, countEqual, graphOf, type Sessions } from './counting.ts';

/** [S_1] of the published vocabulary, which begins every generated sequence. */
const FIRST_ID = 5;

export interface Extent {
  /** Pictures that are made up, and the steps that each takes. */
  readonly rows: number;
  readonly steps: number;
  /** Tokens of a predicted picture that are compared. */
  readonly pictureTokens: number;
  /** Tokens of a sequence that are compared. */
  readonly sequenceTokens: number;
}

export async function fmAgreement(
  manifest: FmManifest,
  fp32: Sessions,
  lowered: Sessions,
  extent: Extent,
): Promise<Agreement> {
  const source = sourceOf(manifest);
  const rows = source === undefined ? [{}] : await makeUp(manifest, source, fp32, extent);
  const targets = manifest.config.domains_out.filter((name) => name !== source);
  const of = (type: string) => targets.filter((name) => modalityOf(manifest, name).type === type);
  const [pictures, sequences] = [of('img'), of('seq')];
  const sequenceTokens = Math.min(
    extent.sequenceTokens,
    ...sequences.map((name) => longest(manifest, name)),
  );

  const [reference, tested] = [
    await predictor(manifest, fp32, rows, extent),
    await predictor(manifest, lowered, rows, extent),
  ];
  // A sequence's first token sees no other, so it comes in one run with the pictures.
  const first = new Map(sequences.map((name) => [name, rows.map(() => [firstId(manifest, name)])]));
  const expected = await reference(pictures, first, false);
  const actual = await tested(pictures, first, false);
  const results = targets.map((name) => countEqual(idsOf(expected, name), idsOf(actual, name)));
  if (sequences.length === 0 || sequenceTokens === 1) return addUp(results);

  // Both continue what fp32 writes: one different token does not spoil the rest.
  const written = first;
  for (let length = 1; length < sequenceTokens; length++) {
    const next = length === 1 ? expected : await reference([], written, true);
    for (const [name, ids] of written)
      for (const [row, tokens] of ids.entries())
        tokens.push(itemAt(idsOf(next, name), (row + 1) * length - 1, name));
  }
  const [all, others] = [await reference([], written, true), await tested([], written, true)];
  const later = (ids: readonly number[]) => ids.filter((_, i) => i % sequenceTokens > 0);
  for (const name of sequences)
    results.push(countEqual(later(idsOf(all, name)), later(idsOf(others, name))));
  return addUp(results);
}

const modalityOf = ({ modalities }: FmManifest, name: string): ModalityInfo =>
  fieldOf(modalities, name, 'modalities');

const idsOf = (ids: Readonly<Record<string, number[]>>, name: string): number[] =>
  fieldOf(ids, name, 'predictions');

/** Tokens that a sequence has at most. */
function longest(manifest: FmManifest, name: string): number {
  const { max_length, max_tokens } = modalityOf(manifest, name);
  return max_length ?? max_tokens;
}

const firstId = (manifest: FmManifest, name: string): number =>
  Math.min(FIRST_ID, present(modalityOf(manifest, name).vocab_size, `vocab_size of ${name}`) - 1);

/** The picture modality that says most: colours where there are any, else the largest grid. */
function sourceOf(manifest: FmManifest): string | undefined {
  const { domains_in, domains_out } = manifest.config;
  const both = domains_out.filter(
    (name) => domains_in.includes(name) && modalityOf(manifest, name).type === 'img',
  );
  const size = (name: string) => {
    const { max_tokens, presentation } = modalityOf(manifest, name);
    return max_tokens + (presentation === 'rgb' ? 1 : 0);
  };
  return both.sort((a, b) => size(b) - size(a))[0];
}

/** Generates the source from nothing, in random order at temperature 1, as often as rows are wanted. */
async function makeUp(
  manifest: FmManifest,
  source: string,
  sessions: Sessions,
  extent: Extent,
): Promise<Row[]> {
  const settings = { scheme: 'roar', steps: extent.steps, temperature: 1 } as const;
  const target = planTarget(
    {
      ...settings,
      modality: source,
      temperature_schedule: 'constant',
      guidance_scale: 1,
      top_k: 0,
      top_p: 0,
    },
    source,
    modalityOf(manifest, source),
    [],
  );
  const specials = {
    pad: 0,
    eos: -1,
    sentinel: () => FIRST_ID,
    isSentinel: (id: number) => id === FIRST_ID,
  };
  const generations = Array.from({ length: extent.rows }, (_, row) =>
    generate(
      { modalities: manifest.modalities, specials, chance: seededChance(row, 0) },
      { targets: [target], chained: false, conditioning: [] },
      new Map(),
    ),
  );
  const run = plainRunner({
    fm: manifest,
    encoder: graphOf(sessions, 'encoder'),
    decoder: graphOf(sessions, 'decoder'),
  });
  const made = await runLockstep(generations, run);
  return made.map((tokens) => {
    const content = valueAt(tokens, source, 'generated tokens');
    return { [source]: { content, positions: content.map((_, i) => i) } };
  });
}

/** Best ids of every target, row after row. */
type Predict = (
  pictures: readonly string[],
  sequences: ReadonlyMap<string, readonly (readonly number[])[]>,
  causal: boolean,
) => Promise<Record<string, number[]>>;

/** Runs the encoder once, on all rows. */
async function predictor(
  manifest: FmManifest,
  sessions: Sessions,
  rows: readonly Row[],
  extent: Extent,
): Promise<Predict> {
  const input = encoderFeeds(manifest, rows);
  const encoded = await graphOf(sessions, 'encoder').run(input.feeds, ['context']);
  const context = fieldOf(encoded, 'context', 'outputs of the encoder');
  return async (pictures, sequences, causal) => {
    const targets = Object.fromEntries([
      ...pictures.map((name) => {
        const positions = Array.from(
          { length: Math.min(modalityOf(manifest, name).max_tokens, extent.pictureTokens) },
          (_, i) => i,
        );
        return [name, rows.map(() => ({ positions }))] as const;
      }),
      ...[...sequences].map(([name, ids]) => {
        const all = ids.map((row) => ({ ids: row, positions: row.map((_, i) => i) }));
        return [name, all] as const;
      }),
    ]);
    const feeds = decoderFeeds(manifest, targets, context, input.mask, causal);
    const wanted = Object.keys(targets).map((name) => `${name}.logits`);
    const outputs = await graphOf(sessions, 'decoder').run(feeds, wanted);
    return Object.fromEntries(
      Object.keys(targets).map((name) => [
        name,
        bestIds(fieldOf(outputs, `${name}.logits`, 'outputs of the decoder')),
      ]),
    );
  };
}

/** @param logits (B, m, V) */
function bestIds({ data, dims, type }: Tensor): number[] {
  if (type !== 'float32') throw new Error('agreement: logits are not float32');
  const vocabulary = itemAt(dims, 2, 'the shape of logits');
  return Array.from({ length: data.length / vocabulary }, (_, row) =>
    argmax(data.subarray(row * vocabulary, (row + 1) * vocabulary)),
  );
}
