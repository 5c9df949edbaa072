/** What the caller wants to read: the whole answer, events, or the one output's bytes themselves. */
import type { Output } from '../shared/api/generate.ts';
import type { Modality } from '../shared/api/models.ts';
import { type FailureError, refusal } from '../shared/api/problem.ts';
import { fromBase64 } from '../shared/base64.ts';
import { writeJson } from '../shared/json.ts';
import { split } from './listHeader.ts';

/** A media range of the header, and how much it is wanted: 0 is not at all. */
interface Range {
  readonly type: string;
  readonly q: number;
  readonly index: number;
}

const rangesOf = (header: string | undefined): Range[] =>
  split(header?.trim() || '*/*', ',').map((part, index) => {
    const [type = '', ...parameters] = split(part, ';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0, index };
  });

/** Whether one is wanted more than another, or as much and named earlier. */
const isBefore = (a: Range, b: Range): boolean => a.q > b.q || (a.q === b.q && a.index < b.index);

/** The most exact range about a type: `image/png;q=0` beside `image/*` (RFC 9110, section 12.5.1). Undefined for what is not wanted. */
function wantOf(ranges: readonly Range[], type: string): Range | undefined {
  const about = [type, type.replace(/\/.*/, '/*'), '*/*'];
  const exact = about.map((name) => ranges.find((range) => range.type === name));
  const found = exact.find((range) => range !== undefined);
  return found && found.q > 0 ? found : undefined;
}

/** The offered type that is wanted most, of equal ones the first; undefined where none is wanted. */
export function preferredOf(
  header: string | undefined,
  offered: readonly string[],
): string | undefined {
  const ranges = rangesOf(header);
  let best: { readonly type: string; readonly want: Range } | undefined;
  for (const type of offered) {
    const want = wantOf(ranges, type);
    if (want && (!best || isBefore(want, best.want))) best = { type, want };
  }
  return best?.type;
}

/**
 * The types of files and texts that are wanted, the most wanted first: together with what an output has they decide in
 * which form it is answered.
 */
export function wantedTypes({ accept, orJson }: Wanted & { readonly kind: 'bytes' }): string[] {
  const ranges = rangesOf(accept);
  const offered = [...(orJson ? [JSON_TYPE] : []), ...FILE_TYPES, 'text/plain'];
  return offered
    .flatMap((type) => {
      const want = wantOf(ranges, type);
      return want ? [{ type, want }] : [];
    })
    .sort((a, b) => b.want.q - a.want.q || a.want.index - b.want.index)
    .map(({ type }) => type);
}

/** Whether events themselves are named: a range that takes them among others does not ask for them. */
export const asksForEvents = (header: string | undefined): boolean =>
  rangesOf(header).some(({ type, q }) => type === EVENTS && q > 0);

const EVENTS = 'text/event-stream';
const JSON_TYPE = 'application/json';
const fits = (wanted: string, type: string): boolean =>
  wanted === type ||
  wanted === '*/*' ||
  (wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1)));

const notAcceptable = (detail: string): FailureError => refusal('not_acceptable', detail);

/** The types of files that outputs have. */
const FILE_TYPES = ['image/png', 'application/x-npy'];

/** Whether a single output of this kind can be had as that type, as far as one can tell before it is computed. */
function possible(type: string, single: Pick<Modality, 'type'> | undefined): boolean {
  if (!single) return false;
  const types = single.type === 'seq' ? ['text/plain'] : FILE_TYPES;
  return types.some((one) => fits(type, one));
}

export type Wanted =
  | { readonly kind: 'json' }
  | { readonly kind: 'events' }
  | {
      readonly kind: 'bytes';
      /** The header, which says which of the forms of an output is wanted most. */
      readonly accept: string;
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
  const ranges = rangesOf(header);
  const json = wantOf(ranges, JSON_TYPE);
  const accepted = ranges
    .filter(({ type, q }) => type !== '' && q > 0)
    .sort((a, b) => b.q - a.q || a.index - b.index);
  for (const range of accepted) {
    if (json && !isBefore(range, json)) break;
    if (streams && range.type === EVENTS) return { kind: 'events' };
    if (possible(range.type, single))
      return { kind: 'bytes', accept: header ?? '', orJson: json !== undefined };
  }
  if (json) return { kind: 'json' };
  const named = accepted.map(({ type }) => type).join(', ') || 'nothing';
  throw notAcceptable(
    `${named} cannot be answered for this request; application/json always can, and the ` +
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
    const offered = forms.map(({ contentType }) => contentType.replace(/;.*/, ''));
    // Where one range is about both, it is JSON that is answered.
    const best = preferredOf(wanted.accept, wanted.orJson ? [JSON_TYPE, ...offered] : offered);
    const form = forms[offered.indexOf(best ?? '')];
    if (form) return { contentType: form.contentType, body: form.read() };
    if (!wanted.orJson) {
      const there = forms.map(({ contentType }) => contentType).join(', ') || 'no bytes';
      throw notAcceptable(`this output has ${there}, and is always there as application/json`);
    }
  }
  return { contentType: 'application/json', body: await writeJson(json) };
}
