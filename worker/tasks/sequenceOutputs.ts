/** Values within generated texts that a tokenizer stands behind: masks of instances, poses of bodies. */
import type { Output } from '../../shared/api/generate.ts';
import { classPalette } from '../image/palettes.ts';
import { png8 } from '../image/png.ts';
import { type InstanceTokens, parseInstances, type QueriedPoint } from '../text/instances.ts';
import { type PoseTokens, parsePoses } from '../text/poses.ts';
import { parseText } from '../text/sequences.ts';
import { counted } from '../text/words.ts';
import {
  annotation,
  groupInstances,
  type MergedInstance,
  mergeInstances,
  overlay,
  PICTURE,
  paint,
  type SoftInstance,
} from '../values/instances.ts';
import type { ServedModel } from './servedModel.ts';
import { decodeMany, tokenizerOf } from './tokenizers.ts';

/** What a text means; part of an output. */
export type SequenceValue = Pick<Output, 'value' | 'image' | 'warnings'>;

const decoding = { seed: 0 };

/** Whether the loaded tokenizer knows the ids; a text may name ids that its codebook lacks. */
function knows(modality: string, model: ServedModel): (ids: readonly number[]) => boolean {
  const size = tokenizerOf(modality, model.loaded)?.manifest.config.codebook_size ?? 0;
  return (ids) => ids.every((id) => id < size);
}

const missing = (modality: string, what: string): string =>
  `no tokenizer is loaded that decodes ${what} of ${modality}`;

/** Soft masks of instances; undefined when their tokenizer is not loaded. */
async function softMasks(
  instances: readonly InstanceTokens[],
  modality: string,
  model: ServedModel,
): Promise<SoftInstance[] | undefined> {
  const samples = instances.map(({ mask_tokens: ids }, sample) => ({ sample, ids }));
  const decoded = await decodeMany(samples, modality, model.loaded, decoding);
  return decoded?.map(({ data }, i) => {
    const { xmin, ymin, xmax, ymax } = instances[i]!;
    const mask = data.map((logit) => 1 / (1 + Math.exp(-logit)));
    return { box: { xmin, ymin, xmax, ymax }, mask };
  });
}

/** Masks as COCO annotations, and all of them in colours over each other. */
async function presentMasks(instances: readonly MergedInstance[], withVotes: boolean) {
  const painted = instances.map((instance) => ({ instance, mask: paint(instance) }));
  const shown = painted.flatMap(({ instance, mask }) => {
    const found = annotation(mask);
    if (!found) return [];
    return [{ mask, value: { ...found, ...(withVotes && { votes: instance.votes }) } }];
  });
  const colours = classPalette(Math.max(shown.length, 1) + 1).slice(1);
  const pixels = overlay(
    shown.map(({ mask }) => mask),
    colours,
  );
  return {
    instances: shown.map(({ value }) => value),
    image: await png8(pixels, PICTURE, PICTURE, 3),
    outside: instances.length - shown.length,
  };
}

const instancesIn = (points: readonly QueriedPoint[]): readonly InstanceTokens[] =>
  points.flatMap(({ instances }) => instances);

async function presentInstances(
  text: string,
  modality: string,
  model: ServedModel,
): Promise<SequenceValue> {
  const { value: points, warnings } = parseInstances(text);
  const all = instancesIn(points);
  const known = all.filter(({ mask_tokens }) => knows(modality, model)(mask_tokens));
  const soft = await softMasks(known, modality, model);
  if (!soft) return { value: { points }, warnings: [...warnings, missing(modality, 'masks')] };
  const grouped = groupInstances(soft);
  const { instances, image, outside } = await presentMasks(grouped, false);
  const unclear = soft.length - grouped.reduce((sum, { votes }) => sum + votes, 0);
  return {
    value: { points, instances },
    image,
    warnings: [
      ...warnings,
      ...(known.length < all.length
        ? [`${counted(all.length - known.length, 'mask')} with tokens that do not exist`]
        : []),
      ...(unclear > 0 ? [`${counted(unclear, 'mask')} without a clear shape left out`] : []),
      ...(outside > 0 ? [`${counted(outside, 'mask')} outside of the picture left out`] : []),
    ],
  };
}

/** Splits row-major values into matrices (3, 3). */
const matrices = (values: ArrayLike<number>): number[][][] =>
  Array.from({ length: Math.floor(values.length / 9) }, (_, m) =>
    [0, 1, 2].map((r) => [0, 1, 2].map((c) => values[m * 9 + r * 3 + c]!)),
  );

/** SMPL parameters: rotations of the body and, where their tokenizer is loaded, of its joints. */
async function presentPoses(
  text: string,
  modality: string,
  model: ServedModel,
): Promise<SequenceValue> {
  const { value: people, warnings } = parsePoses(text);
  const isKnown = knows(modality, model);
  const known = people.filter(({ pose_tokens }) => isKnown(pose_tokens));
  const samples = known.map(({ pose_tokens: ids }, sample) => ({ sample, ids }));
  const decoded = await decodeMany(samples, modality, model.loaded, decoding);
  const bodies = new Map<PoseTokens, number[][][]>();
  for (const [i, { data }] of (decoded ?? []).entries()) bodies.set(known[i]!, matrices(data));
  const value = people.map((person) => {
    const { global_orient, ...rest } = person;
    const body_pose = bodies.get(person);
    return { ...rest, global_orient: matrices(global_orient)[0]!, ...(body_pose && { body_pose }) };
  });
  const unknown = people.length - known.length;
  return {
    value,
    warnings: [
      ...warnings,
      ...(decoded || people.length === 0 ? [] : [missing(modality, 'body poses')]),
      ...(decoded && unknown > 0
        ? [`${counted(unknown, 'body pose')} with tokens that do not exist`]
        : []),
    ],
  };
}

/** What a generated text means: its value, a picture where there is one, and what is wrong with it. */
export async function presentText(
  text: string,
  modality: string,
  model: ServedModel,
): Promise<SequenceValue> {
  const info = model.loaded.fm.modalities[modality]!;
  if (info.presentation === 'instances') return await presentInstances(text, modality, model);
  if (info.presentation === 'poses') return await presentPoses(text, modality, model);
  const { value, warnings } = parseText(text, info);
  return { ...(value !== undefined && { value }), warnings: [...warnings] };
}

/**
 * The instances of several samples' texts as one set, see `mergeInstances`.
 * @returns undefined when the mask tokenizer is not loaded
 */
export async function mergeTexts(
  texts: readonly string[],
  modality: string,
  model: ServedModel,
): Promise<SequenceValue | undefined> {
  const isKnown = knows(modality, model);
  const samples: SoftInstance[][] = [];
  for (const text of texts) {
    const found = instancesIn(parseInstances(text).value);
    const known = found.filter(({ mask_tokens }) => isKnown(mask_tokens));
    const soft = await softMasks(known, modality, model);
    if (!soft) return undefined;
    samples.push(soft);
  }
  const { instances, image } = await presentMasks(mergeInstances(samples), true);
  return { value: { instances }, image };
}
