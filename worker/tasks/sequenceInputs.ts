/** Words and JSON values of sequence modalities -> tokens. */
import type * as z from 'zod';
import { pointerBelow } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { fullTokens, type VisibleTokens } from '../engine/tokenState.ts';
import { formatBoxes } from '../text/boxes.ts';
import { formatInstances, type InstanceTokens, MASK_IDS } from '../text/instances.ts';
import { formatMetadata } from '../text/metadata.ts';
import { formatPalette } from '../text/palette.ts';
import { formatPoses, type PoseTokens } from '../text/poses.ts';
import { cutOut, MASK_SIDE } from '../values/instances.ts';
import { decodeRle } from '../values/rle.ts';
import {
  boxesSchema,
  captionsSchema,
  type GivenInstance,
  type GivenPose,
  instancesSchema,
  metadataSchema,
  paletteSchema,
  posesSchema,
} from '../values/schemas.ts';
import type { ServedModel } from './servedModel.ts';
import { encodeMask, encodeVector } from './tokenizers.ts';

/** A value of the schema. @throws FailureError `invalid_input` naming the part that does not fit */
export function checked<T extends z.ZodType>(schema: T, value: unknown, at: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw refusal('invalid_input', issue.message, pointerBelow(at, ...issue.path));
}

/** Body poses as tokens: those given, or what the tokenizer makes of the rotations. */
async function poseTokens(
  { global_orient, body_pose, pose_tokens, ...rest }: GivenPose,
  modality: string,
  { loaded }: ServedModel,
  at: string,
): Promise<PoseTokens> {
  const tokens =
    pose_tokens ??
    (await encodeVector(body_pose!.flat(2), modality, loaded, pointerBelow(at, 'body_pose')));
  return { ...rest, global_orient: global_orient.flat(), pose_tokens: tokens };
}

/** Masks as tokens: those given, or what the tokenizer makes of the run lengths. */
async function maskTokens(
  { mask_tokens, segmentation, ...box }: GivenInstance,
  modality: string,
  { loaded }: ServedModel,
  at: string,
): Promise<InstanceTokens> {
  if (mask_tokens) return { ...box, mask_tokens };
  const place = pointerBelow(at, 'segmentation');
  const mask = decodeRle(segmentation!);
  if (!mask)
    throw refusal(
      'invalid_input',
      'the run lengths do not fill the mask',
      pointerBelow(place, 'counts'),
    );
  const cut = cutOut(mask, box);
  return { ...box, mask_tokens: await encodeMask(cut, MASK_SIDE, modality, loaded, place) };
}

/** Runs one after the other, in order. */
async function each<T, R>(values: readonly T[], run: (value: T, index: number) => Promise<R>) {
  const results: R[] = [];
  for (const [index, value] of values.entries()) results.push(await run(value, index));
  return results;
}

/** The text that stands for a JSON value. @throws FailureError `invalid_input`, `no_tokenizer` */
async function valueText(
  value: unknown,
  modality: string,
  model: ServedModel,
  at: string,
): Promise<string> {
  const info = model.loaded.fm.modalities[modality]!;
  switch (info.presentation) {
    case 'boxes':
      return formatBoxes(checked(boxesSchema, value, at), info.coord_bins);
    case 'palette':
      return formatPalette(checked(paletteSchema, value, at), info.coord_bins);
    case 'metadata':
      return formatMetadata(checked(metadataSchema, value, at));
    case 'instances': {
      const { points } = checked(instancesSchema, value, at);
      // Whatever the ids will be: too many instances are refused before any mask is encoded.
      const mask_tokens = Array.from({ length: MASK_IDS }, () => 0);
      const dummies = points.map(({ point, instances }) => ({
        point,
        instances: instances.map((instance) => ({ ...instance, mask_tokens })),
      }));
      idsOf(formatInstances(dummies), model, info, at);
      const encoded = await each(points, async ({ point, instances }, i) => ({
        point,
        instances: await each(instances, (instance, j) =>
          maskTokens(instance, modality, model, pointerBelow(at, 'points', i, 'instances', j)),
        ),
      }));
      return formatInstances(encoded);
    }
    case 'poses': {
      const encoded = await each(checked(posesSchema, value, at), (person, index) =>
        poseTokens(person, modality, model, pointerBelow(at, index)),
      );
      return formatPoses(encoded);
    }
    default:
      throw refusal('invalid_input', `${modality} is not given as a value`, at);
  }
}

/** Ids of a text and its end, unless the text ends with a gap: then more may follow. */
function idsOf(text: string, model: ServedModel, info: ModalityInfo, at: string): number[] {
  const words = model.text.encode(text);
  const { eos, isSentinel } = model.text.specials;
  const open = words.length > 0 && isSentinel(words.at(-1)!);
  const ids = open ? words : [...words, eos];
  if (ids.length > info.max_tokens) {
    const detail = `the text has ${ids.length} tokens with its end; at most ${info.max_tokens} fit`;
    throw refusal('invalid_input', detail, at);
  }
  return ids;
}

/** JSON that a structured modality was given as text; undefined for everything else. */
function jsonOf(text: string): unknown {
  if (!/^\s*[[{]\s*["{\]}]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Tokens of a text, which may hold gaps (`[S_1]`). Structured modalities are read in their own format or
 * as JSON.
 * @throws FailureError `invalid_input` when it is empty or too long; as `valueTokens` for JSON
 */
export async function textTokens(
  text: string,
  modality: string,
  model: ServedModel,
  at: string,
): Promise<VisibleTokens> {
  const info = model.loaded.fm.modalities[modality]!;
  const json = traitsOf(info.presentation).isStructured ? jsonOf(text) : undefined;
  if (json !== undefined) return await valueTokens(json, modality, model, at);
  if (model.text.encode(text).length === 0) throw refusal('invalid_input', 'the text is empty', at);
  return fullTokens(idsOf(text, model, info, at));
}

/**
 * Tokens of a JSON value in the form in which the modality is answered. Of several captions each counts
 * its positions from 0.
 * @param at pointer of the value
 * @throws FailureError `invalid_input` naming the part that does not fit, `no_tokenizer` for rotations
 *   of a body where no pose tokenizer is loaded
 */
export async function valueTokens(
  value: unknown,
  modality: string,
  model: ServedModel,
  at: string,
): Promise<VisibleTokens> {
  const info = model.loaded.fm.modalities[modality]!;
  if (traitsOf(info.presentation).isStructured)
    return fullTokens(idsOf(await valueText(value, modality, model, at), model, info, at));
  const captions = checked(captionsSchema, value, at);
  const runs = captions.map((text, index) => {
    const place = Array.isArray(value) ? pointerBelow(at, index) : at;
    if (model.text.encode(text).length === 0)
      throw refusal('invalid_input', 'the text is empty', place);
    return idsOf(text, model, info, place);
  });
  return {
    positions: runs.flatMap((ids) => ids.map((_, position) => position)),
    content: { kind: 'ids', ids: runs.flat() },
  };
}

/**
 * Raw ids where null is not known. Each run of nulls becomes a gap, [S_1] and on.
 * @throws FailureError `invalid_input` where there are more gaps than the vocabulary has names for
 */
export function gappedTokens(
  ids: readonly (number | null)[],
  { text }: ServedModel,
  at: string,
): VisibleTokens {
  let gaps = 0;
  const filled = ids.flatMap((id, i) => {
    if (id !== null) return [id];
    if (i > 0 && ids[i - 1] === null) return [];
    gaps++;
    try {
      return [text.specials.sentinel(gaps)];
    } catch (cause) {
      throw refusal('invalid_input', `${gaps} gaps are more than a text can have`, at, { cause });
    }
  });
  return fullTokens(filled);
}
