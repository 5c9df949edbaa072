/** What the caller wants to read: the whole answer, events, or the one output's bytes themselves. */
import type { Output } from '../shared/api/generate.ts';
import type { Modality } from '../shared/api/models.ts';
import { type FailureError, refusal } from '../shared/api/problem.ts';
import { fromBase64 } from '../shared/base64.ts';
import { writeJson } from '../shared/json.ts';

/** A media range of the header, and how much it is wanted: 0 is not at all. */
interface Range {
  readonly type: string;
  readonly q: number;
  readonly index: number;
}

const rangesOf = (header: string | undefined): Range[] =>
  (header?.trim() || '*/*').split(',').map((part, index) => {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0, index };
  });

/** Media types in order of preference, q=0 left out (RFC 9110, section 12.5.1). */
export const acceptedTypes = (header: string | undefined): string[] =>
  rangesOf(header)
    .filter(({ type, q }) => type !== '' && q > 0)
    .sort((a, b) => b.q - a.q || a.index - b.index)
    .map(({ type }) => type);

/** Types that the most exact range about them refuses: `image/png;q=0` beside `image/*`. */
export function refusedBy(header: string | undefined): (type: string) => boolean {
  const ranges = rangesOf(header);
  return (type) => {
    const about = [type, type.replace(/\/.*/, '/*'), '*/*'].map((name) =>
      ranges.find((range) => range.type === name),
    );
    return about.find((range) => range !== undefined)?.q === 0;
  };
}

const JSON_TYPES = ['application/json', 'application/*', '*/*'];
const fits = (wanted: string, type: string): boolean =>
  wanted === type ||
  wanted === '*/*' ||
  (wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1)));

const notAcceptable = (detail: string): FailureError => refusal('not_acceptable', detail);

/** Whether a single output of this kind can be had as that type, as far as one can tell beforehand. */
function possible(type: string, single: Pick<Modality, 'type'> | undefined): boolean {
  if (!single) return false;
  if (type === '*/*') return true;
  if (fits(type, 'text/plain')) return single.type === 'seq';
  return /^(image|application|text|audio|video)\//.test(type) && single.type !== 'seq';
}

export type Wanted =
  | { readonly kind: 'json' }
  | { readonly kind: 'events' }
  | {
      readonly kind: 'bytes';
      readonly types: readonly string[];
      readonly isRefused: (type: string) => boolean;
      readonly orJson: boolean;
    };

/**
 * @param single what the one output of the request is; undefined when it has none or several
 * @param streams whether there are events to answer
 * @throws FailureError `not_acceptable` when no accepted type can come of this request
 */
export function negotiate(
  header: string | undefined,
  single: Pick<Modality, 'type'> | undefined,
  streams = true,
): Wanted {
  const accepted = acceptedTypes(header);
  const isRefused = refusedBy(header);
  const types: string[] = [];
  for (const type of accepted) {
    if (JSON_TYPES.includes(type) && !isRefused('application/json')) {
      return types.length > 0
        ? { kind: 'bytes', types, isRefused, orJson: true }
        : { kind: 'json' };
    }
    if (streams && type === 'text/event-stream' && types.length === 0) return { kind: 'events' };
    if (possible(type, single)) types.push(type);
  }
  if (types.length > 0) return { kind: 'bytes', types, isRefused, orJson: false };
  throw notAcceptable(
    `${accepted.join(', ')} cannot be answered for this request; application/json always can, and the ` +
      'bytes of an output only when there is one target and one sample',
  );
}

export interface Representation {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

interface Form {
  readonly contentType: string;
  readonly read: () => Uint8Array<ArrayBuffer>;
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** `data:TYPE;base64,...` -> type and bytes. */
function dataUrlForm(url: string | undefined): Form[] {
  const [prefix, contentType] = /^data:([^;,]+);base64,/.exec(url?.slice(0, 300) ?? '') ?? [];
  if (url === undefined || prefix === undefined || contentType === undefined) return [];
  return [{ contentType, read: () => fromBase64(url.slice(prefix.length)) }];
}

/** Everything that an output is, besides JSON. */
function formsOf({ image, data, text }: Partial<Output>): Form[] {
  const forms = [...dataUrlForm(image), ...dataUrlForm(data)];
  if (text === undefined) return forms;
  return [...forms, { contentType: 'text/plain; charset=utf-8', read: () => utf8(text) }];
}

/**
 * @param json the whole answer
 * @param output the one that is wanted as bytes, if there is one
 * @throws FailureError `not_acceptable` when the output has none of the wanted forms after all
 */
export async function represent(
  json: unknown,
  output: Output | undefined,
  wanted: Wanted,
): Promise<Representation> {
  if (wanted.kind === 'bytes') {
    const forms = formsOf(output ?? {});
    for (const type of wanted.types) {
      const form = forms.find(({ contentType }) => {
        const own = contentType.replace(/;.*/, '');
        return fits(type, own) && !wanted.isRefused(own);
      });
      if (form) return { contentType: form.contentType, body: form.read() };
    }
    if (!wanted.orJson) {
      const offered = forms.map(({ contentType }) => contentType).join(', ') || 'no bytes';
      throw notAcceptable(`this output has ${offered}, and is always there as application/json`);
    }
  }
  return { contentType: 'application/json', body: await writeJson(json) };
}
