/** What the caller wants to read: the whole answer, events, or the one output's bytes themselves. */
import type { GenerateRequest, GenerateResponse } from '../shared/api/generate.ts';
import type { Model } from '../shared/api/models.ts';
import { findModality } from '../shared/api/validate.ts';
import { fromBase64 } from '../shared/cacheKey.ts';
import { fail } from './problems.ts';

/** Media types in order of preference, q=0 left out (RFC 9110, section 12.5.1). */
export function acceptedTypes(header: string | undefined): string[] {
  const entries = (header?.trim() || '*/*').split(',').map((part, index) => {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    return { type, q: q === undefined ? 1 : Number(q.slice(2)) || 0, index };
  });
  return entries
    .filter(({ type, q }) => type !== '' && q > 0)
    .sort((a, b) => b.q - a.q || a.index - b.index)
    .map(({ type }) => type);
}

const JSON_TYPES = ['application/json', 'application/*', '*/*'];
const fits = (wanted: string, type: string): boolean =>
  wanted === type || (wanted.endsWith('/*') && type.startsWith(wanted.slice(0, -1)));

const notAcceptable = (detail: string): never => fail({ code: 'not_acceptable', detail });

/** Whether a single output of this kind can be had as that type, as far as one can tell beforehand. */
function possible(type: string, request: GenerateRequest, model: Model): boolean {
  if (request.targets.length !== 1 || request.num_samples !== 1) return false;
  const entry = findModality(model, request.targets[0]!.modality);
  if (fits(type, 'text/plain')) return entry?.type === 'seq';
  return /^(image|application|text|audio|video)\//.test(type) && entry?.type !== 'seq';
}

export type Wanted =
  | { readonly kind: 'json' }
  | { readonly kind: 'events' }
  | { readonly kind: 'bytes'; readonly types: readonly string[]; readonly orJson: boolean };

/** @throws FailureError `not_acceptable` when no accepted type can come of this request */
export function negotiate(
  header: string | undefined,
  request: GenerateRequest,
  model: Model,
): Wanted {
  const accepted = acceptedTypes(header);
  const types: string[] = [];
  for (const type of accepted) {
    if (JSON_TYPES.includes(type)) {
      return types.length > 0 ? { kind: 'bytes', types, orJson: true } : { kind: 'json' };
    }
    if (fits(type, 'text/event-stream') && type !== 'text/*' && types.length === 0) {
      return { kind: 'events' };
    }
    if (possible(type, request, model)) types.push(type);
  }
  if (types.length > 0) return { kind: 'bytes', types, orJson: false };
  return notAcceptable(
    `${accepted.join(', ')} cannot be answered for this request; application/json always can, and the ` +
      'bytes of an output only when there is one target and one sample',
  );
}

export interface Representation {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

/** `data:TYPE;base64,...` -> type and bytes. */
function readDataUrl(url: string | undefined): Representation | undefined {
  const prefix = url && /^data:([^;,]+);base64,/.exec(url.slice(0, 300));
  if (!prefix) return undefined;
  return { contentType: prefix[1]!, body: fromBase64(url.slice(prefix[0].length)) };
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** @throws FailureError `not_acceptable` when the output has none of the wanted forms after all */
export function represent(result: GenerateResponse, wanted: Wanted): Representation {
  if (wanted.kind === 'bytes') {
    const output = Object.values(result.outputs)[0]?.[0];
    const forms = [readDataUrl(output?.image), readDataUrl(output?.data)].filter((form) => !!form);
    if (output?.text !== undefined) {
      forms.push({ contentType: 'text/plain; charset=utf-8', body: utf8(output.text) });
    }
    for (const type of wanted.types) {
      const form = forms.find(({ contentType }) => fits(type, contentType.split(';')[0]!));
      if (form) return form;
    }
    if (!wanted.orJson) {
      const offered = forms.map(({ contentType }) => contentType).join(', ') || 'no bytes';
      return notAcceptable(`this output has ${offered}, and is always there as application/json`);
    }
  }
  return { contentType: 'application/json', body: utf8(JSON.stringify(result)) };
}
