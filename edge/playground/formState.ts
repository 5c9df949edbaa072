/** Everything that the form says, as data: a link, the history and a reload fill the form from it. */
import type { PresetName, TargetSettings } from '../../shared/api/targets.ts';
import type { Given, GivenPicture, NamedValue, Picture } from './given.ts';
import { namedPicture } from './given.ts';

/** Settings of one target; those of `EVERY` hold for every target that has no own. */
export type OwnSettings = Omit<TargetSettings, 'modality'>;
export const EVERY = '';

/** The settings of the published demos, in the words of their buttons. */
export const PRESETS: Readonly<Record<PresetName, string>> = {
  'rgb-to-all': 'Everything from a picture',
  'anything-to-rgb': 'A picture from anything',
  'super-resolution': 'A larger picture',
};
const isPreset = (name: string | null): name is PresetName =>
  name !== null && Object.hasOwn(PRESETS, name);

export interface FormState {
  readonly inputs: Readonly<Record<string, Given>>;
  /** Absent while the page ticks by itself. */
  readonly targets?: readonly string[];
  readonly preset?: PresetName;
  readonly settings: Readonly<Record<string, OwnSettings>>;
  readonly seed?: number | 'random';
  readonly samples: number;
  readonly chained: boolean;
  readonly keep: boolean;
  readonly tokensOnly: boolean;
  /** Told of jobs. It stays on this page: a link may be shown to others. */
  readonly webhook?: string;
}

export const EMPTY_STATE: FormState = {
  inputs: {},
  settings: {},
  samples: 1,
  chained: true,
  keep: false,
  tokensOnly: false,
};

/** Runs of whole numbers: `3-5.9`. */
const writeRuns = (numbers: readonly number[]): string => {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join('.');
};

/** Positions in a grid at most. */
const MOST_POSITIONS = 4096;
const readRuns = (text: string): number[] =>
  text.split('.').flatMap((run) => {
    const [from = Number.NaN, to = from] = run.split('-').map(Number);
    const isRun = run !== '' && from >= 0 && to >= from && to < MOST_POSITIONS;
    return isRun ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : [];
  });

/** `own` for a picture that lies in this tab alone. */
function writeSource({ name, path, value }: Picture): string {
  if (value && 'tokens' in value) return `tokens:${value.tokens.map((id) => id ?? '').join('.')}`;
  if (value) return `named:${Object.values(value as Exclude<NamedValue, { tokens: unknown }>)[0]}`;
  return path === undefined ? 'own' : `example:${name}`;
}

export interface PictureSources {
  readonly examples: readonly Picture[];
  /** The picture of a field that lies in this tab. */
  readonly own: (field: string) => Picture | undefined;
}

function readSource(field: string, source: string, sources: PictureSources): Picture | undefined {
  const [, kind, rest = ''] = /^(\w+):?(.*)$/s.exec(source) ?? [];
  if (kind === 'example') return sources.examples.find(({ name }) => name === rest);
  const kept = sources.own(field);
  if (kind === 'own') return kept;
  // This tab still knows what it looks like.
  if (kept?.value && writeSource(kept) === source) return kept;
  if (kind === 'named') return namedPicture(rest);
  if (kind !== 'tokens') return undefined;
  const tokens = rest.split('.').map((id) => (id === '' ? null : Number(id)));
  return { name: `${tokens.length} tokens`, url: '', value: { tokens } };
}

const isPicture = (given: Given): given is GivenPicture => 'picture' in given;

/** The state as the part of an address behind `#`: no keys, and no bytes of pictures. */
export function writeLink(state: FormState): URLSearchParams {
  const link = new URLSearchParams();
  for (const [name, given] of Object.entries(state.inputs)) {
    if (!isPicture(given)) {
      link.set(`in.${name}`, `text:${given.text}`);
      continue;
    }
    link.set(`in.${name}`, writeSource(given.picture));
    if (given.hidden.length > 0) link.set(`hide.${name}`, writeRuns(given.hidden));
  }
  if (state.targets) link.set('targets', state.targets.join(','));
  if (state.preset) link.set('preset', state.preset);
  if (state.seed !== undefined) link.set('seed', String(state.seed));
  if (state.samples !== 1) link.set('samples', String(state.samples));
  if (!state.chained) link.set('chained', 'false');
  if (state.keep) link.set('keep', 'true');
  if (state.tokensOnly) link.set('outputs', 'tokens');
  const own = Object.entries(state.settings).filter(([, { ...of }]) => Object.keys(of).length > 0);
  if (own.length > 0) link.set('settings', JSON.stringify(Object.fromEntries(own)));
  return link;
}

/** An object of objects, whatever the link says; the server judges what stands in them. */
function readSettings(text: string | null): Record<string, OwnSettings> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    if (typeof value !== 'object' || value === null) return {};
    return Object.fromEntries(
      Object.entries(value).filter(([, own]) => typeof own === 'object' && own !== null),
    );
  } catch {
    return {};
  }
}

/** The state of a link; what does not fit is left out. */
export function readLink(link: URLSearchParams, sources: PictureSources): FormState {
  const inputs: Record<string, Given> = {};
  for (const [key, source] of link) {
    if (!key.startsWith('in.')) continue;
    const name = key.slice('in.'.length);
    if (source.startsWith('text:')) {
      inputs[name] = { text: source.slice('text:'.length) };
      continue;
    }
    const picture = readSource(name, source, sources);
    if (picture) inputs[name] = { picture, hidden: readRuns(link.get(`hide.${name}`) ?? '') };
  }
  const targets = link.get('targets');
  const preset = link.get('preset');
  const seed = link.get('seed');
  return {
    inputs,
    ...(targets !== null && { targets: targets.split(',').filter((name) => name !== '') }),
    ...(isPreset(preset) && { preset }),
    ...(seed !== null && { seed: seed === 'random' ? seed : Number(seed) }),
    settings: readSettings(link.get('settings')),
    samples: Number(link.get('samples') ?? 1),
    chained: link.get('chained') !== 'false',
    keep: link.get('keep') === 'true',
    tokensOnly: link.get('outputs') === 'tokens',
  };
}
