/** SAM instances: what was found at queried points; masks are ids within the text. */
import { pointerBelow } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { itemAt } from '../../shared/lookup.ts';
import {
  formatInstances,
  type InstanceTokens,
  MASK_IDS,
  parseInstances,
  type QueriedPoint,
} from '../text/instances.ts';
import { counted, special } from '../text/words.ts';
import { cutOut, MASK_SIDE } from '../values/instances.ts';
import { decodeRle } from '../values/rle.ts';
import { type GivenInstance, instancesSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import type { DecodedMask } from './drawInstances.ts';
import { missingDecoder } from './missing.ts';
import type { Codec, TextPresentation } from './presentation.ts';

const KEYWORDS: ReadonlySet<string> = new Set(['none', 'point', 'polygon']);

/** Masks as tokens: those given, or what the tokenizer makes of the run lengths. */
async function maskTokens(
  { mask_tokens, segmentation, ...box }: GivenInstance,
  codec: Codec,
  at: string,
): Promise<InstanceTokens> {
  if (mask_tokens) return { ...box, mask_tokens };
  const place = pointerBelow(at, 'segmentation');
  const mask = segmentation && decodeRle(segmentation);
  if (!mask) {
    const detail = 'the run lengths do not fill the mask';
    throw refusal('invalid_input', detail, pointerBelow(place, 'counts'));
  }
  return { ...box, mask_tokens: await codec.encodeMask(cutOut(mask, box), MASK_SIDE, place) };
}

const instancesIn = (points: readonly QueriedPoint[]): readonly InstanceTokens[] =>
  points.flatMap(({ instances }) => instances);

const decodable = (instances: readonly InstanceTokens[], { size }: Codec): InstanceTokens[] =>
  instances.filter(({ mask_tokens }) => mask_tokens.every((id) => id < size));

/** Masks of instances; undefined when their tokenizer is not loaded. */
async function decodedMasks(
  instances: readonly InstanceTokens[],
  codec: Codec,
): Promise<DecodedMask[] | undefined> {
  const decoded = await codec.decode(instances.map(({ mask_tokens }) => mask_tokens));
  return decoded?.map(({ data }, i) => {
    const { xmin, ymin, xmax, ymax } = itemAt(instances, i, 'the instances');
    return { box: { xmin, ymin, xmax, ymax }, logits: data };
  });
}

export const instances: TextPresentation = {
  async write(value, { codec, at, checkLength }) {
    const { points } = checked(instancesSchema, value, at);
    // Whatever the ids will be: too many instances are refused before any mask is encoded.
    const mask_tokens = Array.from({ length: MASK_IDS }, () => 0);
    const dummies = points.map(({ point, instances: found }) => ({
      point,
      instances: found.map((instance) => ({ ...instance, mask_tokens })),
    }));
    checkLength(formatInstances(dummies));
    const queried: QueriedPoint[] = [];
    for (const [i, { point, instances: found }] of points.entries()) {
      const encoded: InstanceTokens[] = [];
      for (const [j, instance] of found.entries())
        encoded.push(
          await maskTokens(instance, codec, pointerBelow(at, 'points', i, 'instances', j)),
        );
      queried.push({ point, instances: encoded });
    }
    return [formatInstances(queried)];
  },
  form: {
    said:
      'point v0=ROW v1=COLUMN for each point, then none, or for each instance polygon v0=XMIN v1=YMIN ' +
      'v2=XMAX v3=YMAX and 16 ids of its mask',
    begins: (word) => word === 'point',
    hasWord: (word) => KEYWORDS.has(word) || special(word) !== undefined,
    fits: (text) => parseInstances(text).warnings.length === 0,
  },
  async show(text, { modality, codec, draw }) {
    const { value: points, warnings } = parseInstances(text);
    const all = instancesIn(points);
    const found = decodable(all, codec);
    const masks = await decodedMasks(found, codec);
    if (!masks)
      return { value: { points }, warnings: [...warnings, missingDecoder(modality, 'masks')] };
    const drawn = await draw({ samples: [masks], isMerged: false });
    const told = (count: number, what: string): string[] =>
      count > 0 ? [`${counted(count, 'mask')} ${what}`] : [];
    return {
      value: { points, instances: drawn.instances },
      image: drawn.image,
      warnings: [
        ...warnings,
        ...told(all.length - found.length, 'with tokens that do not exist'),
        ...told(drawn.unclear, 'without a clear shape left out'),
        ...told(drawn.outside, 'outside of the picture left out'),
      ],
    };
  },
  async merge(texts, { codec, draw }) {
    const samples: DecodedMask[][] = [];
    for (const text of texts) {
      const found = decodable(instancesIn(parseInstances(text).value), codec);
      const masks = await decodedMasks(found, codec);
      if (!masks) return undefined;
      samples.push(masks);
    }
    const { instances: merged, image } = await draw({ samples, isMerged: true });
    return { value: { instances: merged }, image };
  },
};
