/** The form's state -> a request, and the same as code shows it. */

import type { GenerateRequestBody, TargetSettings } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import type { ShownRequest } from './command.ts';
import { fileOf } from './exampleBody.ts';
import { EVERY, type FormState, type OwnSettings } from './formState.ts';
import type { GivenInput } from './inputs.ts';
import { groupOf } from './labels.ts';
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

/** @param isJob whether it is to be a job: nothing else is told to a webhook */
export function requestOf(asked: Asked, isJob = false): GenerateRequestBody {
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
    ...(isJob && state.webhook !== undefined && { webhook: state.webhook }),
  };
}

/** An input as examples write it: `@` and its name in place of the bytes of a file. */
function exampleInput({ given, value }: GivenInput): unknown {
  if ('text' in given || given.picture.value) return value;
  const file = fileOf(given.picture);
  const hide = typeof value === 'string' || !('hide' in value) ? undefined : value.hide;
  return hide === undefined ? file : { ...file, hide };
}

const isPlain = (target: TargetSettings): boolean => Object.keys(target).length === 1;

/** The request as an example, from which code is written; only what differs from the defaults is said. */
export function exampleOf(asked: Asked, isJob = false): ShownRequest {
  const { model, inputs, chosen, state } = asked;
  const targets = targetsOf(asked);
  const only = chosen.length === 1 && state.samples === 1 ? chosen[0] : undefined;
  const isPicture =
    !isJob && only !== undefined && groupOf(only) === 'Pictures' && !state.tokensOnly;
  return {
    method: 'POST',
    path: isPicture || isJob ? '/v1/generate' : '/v1/generate?inline=true',
    headers: isJob ? { Prefer: 'respond-async' } : isPicture ? { Accept: 'image/png' } : {},
    formLists: ['targets'],
    answer: isJob ? 'json' : isPicture ? { saveAs: `${only.name}.png` } : 'outputs',
    body: {
      ...(model !== undefined && { model }),
      inputs: Object.fromEntries(inputs.map((input) => [input.name, exampleInput(input)])),
      ...(state.preset && { preset: state.preset }),
      targets: targets.every(isPlain) ? targets.map(({ modality }) => modality) : targets,
      ...(!state.chained && { chained: false }),
      ...(state.samples !== 1 && { num_samples: state.samples }),
      ...(state.seed !== undefined && { seed: state.seed }),
      ...(state.keep && { keep: true }),
      ...(state.tokensOnly && { outputs: 'tokens' }),
      ...(isJob && state.webhook !== undefined && { webhook: state.webhook }),
    },
  };
}
