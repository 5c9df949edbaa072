/**
 * Where a result comes from, as headers: bytes of an output have no other place for it but those of PNG, which say
 * it themselves (`worker/image/marked.ts`).
 */
import type { PlannedTarget } from '../shared/api/generate.ts';
import type { Model } from '../shared/api/models.ts';
import type { ServedBy, ToldComputed } from '../shared/api/outputs.ts';
import { shorten } from '../shared/api/shorten.ts';
import { toldComputed } from '../shared/results/told.ts';
import type { EdgeContext } from './problems.ts';

/** What is known of a result's origin. */
export interface Provenance {
  readonly models: readonly Partial<ServedBy>[];
  readonly seed?: number | undefined;
  readonly schedule?: readonly PlannedTarget[] | undefined;
  readonly computed?: ToldComputed;
}

/** What an answer says of a model that it stands on. */
export const servedBy = ({ id, digest, licence, precision }: Model): ServedBy => ({
  ...{ id, digest, licence, precision },
});

/** Of what was computed for this request. */
export const computedNow = (c: EdgeContext) =>
  toldComputed({ at: Date.now(), requestId: c.get('requestId') });

/** `Cache-Status` (RFC 9211) of what is never stored. */
export const UNCACHED = 'fourm-edge; fwd=bypass';

export const PROVENANCE_HEADERS = {
  'x-4m-model': 'The model that made it, or several with commas',
  'x-4m-model-digest': "Hash of the model's weights and settings, of each",
  'x-4m-licence': 'Licence of the weights, of each model',
  'x-4m-precision': 'Precision of the weights, of each model',
  'x-4m-seed': 'The seed that was used',
  'x-4m-schedule': 'How the targets were made: a structured list (RFC 9651) of names with settings',
  'x-4m-computed-at': 'When it was computed: RFC 3339',
  'x-4m-computed-by': 'The X-Request-Id of the request that it was computed for',
} as const;

/** Characters of a header at most. */
const MOST_CHARACTERS = 1000;

/** Text as a header can carry it: what is no visible ASCII is percent-encoded. */
const safe = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    // A lone surrogate has no encoding.
    /\p{Surrogate}/u.test(character) ? '%EF%BF%BD' : encodeURIComponent(character),
  );

const quoted = (text: string): string => `"${safe(text).replaceAll(/["\\]/g, '\\$&')}"`;
/** A structured decimal has three digits behind the point. */
const decimal = (value: number): number => Math.round(value * 1000) / 1000;

/** `"depth";scheme=maskgit;steps=20;temperature=1;guidance=2` */
function scheduled(target: PlannedTarget): string {
  const { guidance } = target;
  const settings: Record<string, string | number> = {
    scheme: target.scheme,
    ...(target.steps.length > 0 && { steps: target.steps.length }),
    temperature: decimal(target.temperature),
    ...(target.top_k > 0 && { top_k: decimal(target.top_k) }),
    ...(target.top_p > 0 && { top_p: decimal(target.top_p) }),
    guidance:
      typeof guidance === 'number'
        ? decimal(guidance)
        : quoted(
            Object.entries(guidance)
              .map(([name, weight]) => `${name}=${decimal(weight)}`)
              .join(' '),
          ),
  };
  const parameters = Object.entries(settings).map(([name, value]) => `;${name}=${value}`);
  return quoted(target.target) + parameters.join('');
}

/** Whole entries of a list as long as there is room. */
function listed(entries: readonly string[]): string {
  let text = '';
  for (const entry of entries) {
    const longer = text === '' ? entry : `${text}, ${entry}`;
    if (longer.length > MOST_CHARACTERS) break;
    text = longer;
  }
  return text;
}

/** Headers that say where a result comes from; what is not known is left out. */
export function provenanceHeaders(given: Provenance): Record<string, string> {
  const { models, seed, schedule = [], computed } = given;
  const of = (field: keyof ServedBy): string =>
    listed(models.flatMap((model) => safe(shorten(model[field] ?? '', 128)).replaceAll(',', ' ')));
  const headers: Readonly<Record<keyof typeof PROVENANCE_HEADERS, string>> = {
    'x-4m-model': of('id'),
    'x-4m-model-digest': of('digest'),
    'x-4m-licence': of('licence'),
    'x-4m-precision': of('precision'),
    'x-4m-seed': seed === undefined ? '' : String(seed),
    'x-4m-schedule': listed(schedule.map(scheduled)),
    'x-4m-computed-at': computed?.at ?? '',
    'x-4m-computed-by': safe(computed?.request_id ?? ''),
  };
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value.trim() !== ''));
}
