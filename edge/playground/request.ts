/** The form's state -> a request, and the same as code shows it. */
import type { GenerateRequestBody, TargetSettings } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { EVERY, type FormState, type OwnSettings } from './formState.ts';
import type { GivenInput } from './inputs.ts';
import { groupOf } from './labels.ts';
import type { SnippetInput, SnippetRequest } from './snippet.ts';
import { fitting } from './targetSettings.ts';

export interface Asked {
  /** Named where several models are served. */
  readonly model: string | undefined;
  readonly inputs: readonly GivenInput[];
  readonly chosen: readonly Modality[];
  readonly state: Omit<FormState, 'inputs' | 'targets'>;
}

/** Weights of inputs that are not given mean nothing; and where inputs are weighed, no scale holds. */
function withGuidance(own: OwnSettings, names: readonly string[]): OwnSettings {
  const { guidance, guidance_scale: scale, ...others } = own;
  const weights = Object.entries(guidance ?? {}).filter(([name]) => names.includes(name));
  if (weights.length > 0) return { ...others, guidance: Object.fromEntries(weights) };
  return { ...others, ...(scale !== undefined && { guidance_scale: scale }) };
}

function targetsOf({ chosen, inputs, state: { settings } }: Asked): TargetSettings[] {
  const names = inputs.map(({ name }) => name);
  return chosen.map(({ name, type }) => {
    const shared = fitting(settings[EVERY] ?? {}, type);
    const own = fitting(settings[name] ?? {}, type);
    return { modality: name, ...withGuidance({ ...shared, ...own }, names) };
  });
}

export function requestOf(asked: Asked): GenerateRequestBody {
  const { model, inputs, state } = asked;
  return {
    ...(model !== undefined && { model }),
    inputs: Object.fromEntries(inputs.map(({ name, value }) => [name, value])),
    ...(state.preset && { preset: state.preset }),
    targets: targetsOf(asked),
    chained: state.chained,
    num_samples: state.samples,
    ...(state.seed !== undefined && { seed: state.seed }),
    ...(state.keep && { keep: true }),
    ...(state.tokensOnly && { outputs: 'tokens' as const }),
  };
}

function snippetInput({ name, given, value }: GivenInput): SnippetInput {
  if ('text' in given)
    return typeof value === 'string'
      ? { name, kind: 'text', text: value }
      : { name, kind: 'json', value };
  const { picture } = given;
  if (picture.value) return { name, kind: 'json', value };
  const path = picture.path ?? (picture.name || 'picture.png');
  const hide = typeof value !== 'string' && 'hide' in value ? value.hide : undefined;
  return { name, kind: 'file', path, ...(hide !== undefined && { hide }) };
}

export function snippetOf(asked: Asked, origin: string, hasKey: boolean): SnippetRequest {
  const { model, inputs, chosen, state } = asked;
  const only = chosen.length === 1 && state.samples === 1 ? chosen[0] : undefined;
  const isPicture = only !== undefined && groupOf(only) === 'Pictures' && !state.tokensOnly;
  return {
    origin,
    hasKey,
    ...(model !== undefined && { model }),
    ...(state.preset && { preset: state.preset }),
    inputs: inputs.map(snippetInput),
    targets: targetsOf(asked),
    chained: state.chained,
    numSamples: state.samples,
    ...(state.seed !== undefined && { seed: state.seed }),
    keep: state.keep,
    tokensOnly: state.tokensOnly,
    ...(isPicture && { pictureOf: only.name }),
  };
}
