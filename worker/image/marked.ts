/**
 * What a PNG says of its own origin: the model with the licence of its weights, seed and settings, for people, for
 * programs that read XMP (with IPTC's word for media that models make), and for ours as JSON. Nothing in it tells a
 * time or a caller, so that equal requests have equal bytes.
 */
import type { ServedBy } from '../../shared/api/outputs.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import { SIGNATURE, textChunk } from './pngChunks.ts';

/** Where a picture comes from. */
export interface Origin {
  readonly model: ServedBy;
  /** The hash of the request whose result it is part of. */
  readonly result?: string;
  readonly seed?: number;
  /** How its tokens were generated; absent where they were given. */
  readonly plan?: TargetPlan;
}

/** The keyword of the JSON. */
export const ORIGIN_KEYWORD = '4m-edge';
/** IPTC's code for media that a trained model has made: https://cv.iptc.org/newscodes/digitalsourcetype */
const SOURCE_TYPE = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';
const SOFTWARE = '4M Edge';
const MOST_CHARACTERS = 128;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '"': '&quot;' };
/** Text of an attribute; XML has no place for control characters. */
const escaped = (text: string): string =>
  text
    .replaceAll(/\p{Cc}/gu, ' ')
    .replaceAll(/[&<"]/g, (character) => ENTITIES[character] ?? character);

/** https://developer.adobe.com/xmp/docs and the IPTC Photo Metadata Standard */
const xmpOf = ({ id, digest, licence }: ServedBy): string =>
  '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
  '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" ' +
  'xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" ' +
  'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" ' +
  `xmp:CreatorTool="${SOFTWARE}" Iptc4xmpExt:DigitalSourceType="${SOURCE_TYPE}" ` +
  `Iptc4xmpExt:AISystemUsed="${escaped(id)}" Iptc4xmpExt:AISystemVersionUsed="${escaped(digest)}">` +
  '<xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">' +
  `${escaped(termsOf(licence))}</rdf:li></rdf:Alt></xmpRights:UsageTerms>` +
  '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>';

const termsOf = (licence: string): string => `Licence of the model's weights: ${licence}`;

function settingsOf({ scheme, counts, temperature, filters, ...plan }: TargetPlan): object {
  return {
    scheme,
    ...(counts.length > 0 && { steps: counts.length }),
    temperature,
    top_k: filters.topK,
    top_p: filters.topP,
    guidance: plan.guidance ?? plan.guidanceScale,
  };
}

function jsonOf({ model, result, seed, plan }: Origin, sample: number): string {
  const { id, digest, licence, precision } = model;
  return JSON.stringify({
    ...{ model: id, digest, licence, precision },
    ...(plan && { modality: plan.modality, schedule: settingsOf(plan) }),
    ...(result !== undefined && { result }),
    ...(seed !== undefined && { seed }),
    sample,
  });
}

/** The chunks in base64. Their bytes are a multiple of three, filled up behind the JSON, which that does not change. */
function chunksOf(origin: Origin, sample: number): string {
  const { id, digest, licence } = origin.model;
  const before = [
    textChunk('Software', SOFTWARE),
    textChunk('Source', `${id} (${digest})`),
    textChunk('Copyright', termsOf(licence)),
    textChunk('XML:com.adobe.xmp', xmpOf(origin.model)),
  ];
  const json = jsonOf(origin, sample);
  const length = Buffer.concat([...before, textChunk(ORIGIN_KEYWORD, json)]).length;
  const filled = json + ' '.repeat((3 - (length % 3)) % 3);
  return Buffer.concat([...before, textChunk(ORIGIN_KEYWORD, filled)]).toString('base64');
}

/** Signature and header of a PNG, which stand before everything else: 33 bytes, and 44 characters of base64. */
const HEAD_BYTES = SIGNATURE.length + 25;
const HEAD_CHARACTERS = (HEAD_BYTES / 3) * 4;
const PREFIX = `data:image/png;base64,${SIGNATURE.subarray(0, 6).toString('base64')}`;

/**
 * A PNG that says where it comes from. Nothing is decoded: the chunks are put behind the header, in base64 as they are.
 * @param url data URL; anything but a PNG stays as it is
 */
export function markedUrl(url: string, origin: Origin, sample: number): string {
  if (!url.startsWith(PREFIX)) return url;
  const { model } = origin;
  const bounded = {
    ...model,
    id: shorten(model.id, MOST_CHARACTERS),
    licence: shorten(model.licence, MOST_CHARACTERS),
  };
  const at = url.indexOf(',') + 1 + HEAD_CHARACTERS;
  return url.slice(0, at) + chunksOf({ ...origin, model: bounded }, sample) + url.slice(at);
}

/** Whatever has pictures, with their origin in them. */
export function marked<
  T extends { readonly image?: string | undefined; readonly data?: string | undefined },
>(shown: T, origin: Origin | undefined, sample: number): T {
  if (!origin) return shown;
  const { image, data } = shown;
  return {
    ...shown,
    ...(image !== undefined && { image: markedUrl(image, origin, sample) }),
    ...(data !== undefined && { data: markedUrl(data, origin, sample) }),
  };
}
