/** Targets of a request: which model makes each one, and with which settings. */

import type { GenerateRequest, InputValue, TargetSettings } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import { present } from '../lookup.ts';
import { PUBLISHED_MODALITIES, publicName } from '../model/modalities.ts';
import { traitsOf } from '../model/presentations.ts';
import { type Plannable, presetTargets } from '../presets.ts';
import type { PlannedInput } from './inputs.ts';
import { findModality, hiddenParts, isPixels, namesOf, targetModality } from './names.ts';
import { planTarget, type TargetPlan } from './targetPlan.ts';

export interface StageTarget {
  /** Place in the request, for messages. */
  readonly index: number;
  /** Name under which its outputs are answered. */
  readonly name: string;
  readonly entry: Modality;
  readonly model: Model;
  readonly plan: TargetPlan;
  /** The plan when so many tokens of a grid are to be generated, once the inputs have been read. */
  readonly planFor: (open: number) => TargetPlan;
  /** Tokens to be generated; at most, for a sequence. */
  readonly tokens: number;
}

/** What the schedule asks of a modality, from its description. */
export const plannable = (entry: Modality): Plannable => ({
  type: entry.type,
  presentation: entry.presentation,
  max_tokens: entry.tokens,
  input_size: entry.input_size ?? undefined,
  recommended: entry.recommended,
});

/** A target with the model and the entry that it means. */
export interface RequestedTarget {
  readonly index: number;
  readonly settings: TargetSettings;
  readonly entry: Modality;
  readonly model: Model;
  readonly modality: string;
  readonly name: string;
}

const generates = (model: Model, name: string): Modality | undefined => {
  const entry = findModality(model, name);
  return entry?.output && targetModality(entry, name) !== undefined ? entry : undefined;
};

function missingTarget(name: string, model: Model, models: readonly Model[], at: string): Error {
  const entry = findModality(model, name);
  if (entry && model.kind === 'encoder') {
    const detail = `only the encoder of ${model.id} is loaded, which gives features and generates nothing`;
    return refusal('unknown_target', detail, at);
  }
  if (entry) return refusal('input_only', `${name} can be given but not generated`, at);
  const own = `${name} is not a target of ${model.id}; its targets are ${namesOf(model, 'output')}`;
  const published = Object.keys(PUBLISHED_MODALITIES).some(
    (own) => own === name || own.replace(/^tok_/, '') === name || publicName(own) === name,
  );
  if (!published) return refusal('unknown_target', own, at);
  const loaded = models.map(({ id }) => id).join(', ');
  const detail = `${own}. It needs a model that is not loaded; loaded: ${loaded}`;
  return refusal('unknown_target', detail, at);
}

/** The model that makes a target: the request's own, or else the first other one that has it. */
function findTarget(
  settings: TargetSettings,
  index: number,
  model: Model,
  models: readonly Model[],
): RequestedTarget {
  const wanted = settings.modality;
  for (const candidate of [model, ...models.filter(({ id }) => id !== model.id)]) {
    const entry = generates(candidate, wanted);
    if (!entry) continue;
    const modality = present(targetModality(entry, wanted), `the tokens of ${wanted}`);
    const taken = candidate.id !== model.id && generates(model, entry.name) !== undefined;
    const name = taken ? `${publicName(entry.name)}@${entry.input_size}` : entry.name;
    return { index, settings, entry, model: candidate, modality, name };
  }
  throw missingTarget(wanted, model, models, pointerTo('targets', index));
}

/** Whether something of a picture is hidden or not known, so that it can be completed. */
const isPartial = (value: InputValue): boolean =>
  hiddenParts(value).length > 0 ||
  (typeof value === 'object' && 'tokens' in value && value.tokens.includes(null));

/** The targets that a request names, or those that its preset stands for. */
export function requestedTargets(
  request: GenerateRequest,
  model: Model,
  models: readonly Model[],
): RequestedTarget[] {
  const { preset } = request;
  const find = (settings: TargetSettings, index: number): RequestedTarget =>
    findTarget(settings, index, model, models);
  if (request.targets.length > 0 || preset === undefined) return request.targets.map(find);
  const inputs = Object.entries(request.inputs).map(([name, value]) => {
    return { entry: findModality(model, name), partial: isPartial(value) };
  });
  const size = Math.max(0, ...inputs.map(({ entry }) => entry?.input_size ?? 0));
  const given = inputs.flatMap(({ entry, partial }) => (entry && !partial ? [entry] : []));
  const offered = [model, ...models.filter(({ id }) => id !== model.id)]
    .map(({ modalities }) => modalities.filter((entry) => entry.output && !given.includes(entry)))
    .map((outputs) => presetTargets(preset, outputs, size))
    .find((targets, i) => targets.length > 0 && (i === 0 || preset === 'super-resolution'));
  if (!offered) {
    const detail = `no loaded model has a target of ${preset} that is not given already`;
    throw refusal('unknown_target', detail, '/preset');
  }
  return offered.map((entry, index) => {
    const exact = entry.modalities.find((name) => !isPixels(entry, name)) ?? entry.name;
    return find({ modality: exact }, index);
  });
}

function checkSettings(settings: TargetSettings, entry: Modality, index: number): void {
  const sequence = entry.type === 'seq';
  if (settings.scheme !== undefined && (settings.scheme === 'autoregressive') !== sequence) {
    const fitting = sequence ? 'autoregressive' : 'maskgit or roar';
    const detail = `${settings.modality} is decoded by ${fitting}, not ${settings.scheme}`;
    throw refusal('scheme_mismatch', detail, pointerTo('targets', index, 'scheme'));
  }
  const misplaced = sequence
    ? (['steps', 'token_schedule', 'temperature_schedule'] as const)
    : (['max_tokens'] as const);
  const field = misplaced.find((key) => settings[key] !== undefined);
  if (field !== undefined) {
    const kind = sequence ? 'sequence' : 'picture-like';
    const detail = `${field} does not apply to ${settings.modality}, a ${kind} target`;
    throw refusal('scheme_mismatch', detail, pointerTo('targets', index, field));
  }
}

function checkSteps(settings: TargetSettings, open: number, index: number): void {
  if (settings.steps === undefined || settings.steps <= open) return;
  const detail = `${settings.modality} has ${open} tokens to generate, too few for ${settings.steps} steps`;
  throw refusal('invalid_target', detail, pointerTo('targets', index, 'steps'));
}

/** Guidance weights by the model's own names. @param conditions public or own name -> the own name */
function readGuidance(
  { settings, index }: RequestedTarget,
  conditions: (name: string) => string | undefined,
): Readonly<Record<string, number>> | undefined {
  const { guidance } = settings;
  if (!guidance) return undefined;
  if (settings.guidance_scale !== undefined) {
    const detail =
      'guidance_scale is one weight for all inputs and guidance one for each: give one';
    throw refusal('invalid_guidance', detail, pointerTo('targets', index, 'guidance_scale'));
  }
  const names = new Map<string, string>();
  const weights = Object.entries(guidance).map(([name, weight]) => {
    const at = pointerTo('targets', index, 'guidance', name);
    const modality = conditions(name);
    if (modality === undefined) {
      const detail = `${name} is neither an input nor an earlier target of this chain`;
      throw refusal('invalid_guidance', detail, at);
    }
    const other = names.get(modality);
    if (other !== undefined)
      throw refusal('invalid_guidance', `${name} and ${other} are the same input`, at);
    names.set(modality, name);
    return [modality, weight] as const;
  });
  return Object.fromEntries(weights);
}

export interface TargetSurroundings {
  readonly request: GenerateRequest;
  /** Inputs of the stage, those that an earlier stage made among them. */
  readonly inputs: readonly PlannedInput[];
  readonly earlier: readonly RequestedTarget[];
}

/** Several texts of one input share their positions, so that none of them could be told what is missing of it. */
function checkOneText({ name, entry }: PlannedInput, value: InputValue | undefined): void {
  if (typeof value !== 'object' || !('value' in value) || !Array.isArray(value.value)) return;
  if (value.value.length < 2 || traitsOf(entry.presentation).isStructured) return;
  const detail = `one text of ${name} can be completed, not several`;
  throw refusal('invalid_input', detail, pointerTo('inputs', name, 'value'));
}

/** @throws FailureError for a setting that does not fit the target or what is given */
export function settleTarget(
  requested: RequestedTarget,
  { request, inputs, earlier }: TargetSurroundings,
): StageTarget {
  const { settings, entry, modality, index, name, model } = requested;
  checkSettings(settings, entry, index);
  const at = pointerTo('targets', index);
  const twice = earlier.find((other) => other.modality === modality);
  if (twice) throw refusal('invalid_request', `${settings.modality} is asked for twice`, at);
  const given = inputs.find((input) => input.modality === modality);
  if (given && !given.partial) {
    throw refusal('invalid_request', `${settings.modality} is given as an input already`, at);
  }
  if (given) checkOneText(given, request.inputs[given.name]);
  const open = given ? given.open : entry.tokens;
  checkSteps(settings, open, index);
  const chained = request.chained ? earlier : [];
  const guidance = readGuidance(
    requested,
    (wanted) =>
      inputs.find((input) => input.name === wanted || input.modality === wanted)?.modality ??
      chained.find((other) => other.name === wanted || other.modality === wanted)?.modality,
  );
  const conditions = inputs.map((input) => plannable(input.entry));
  const { preset } = request;
  const planFor = (count: number): TargetPlan =>
    planTarget(settings, modality, plannable(entry), conditions, { preset, open: count, guidance });
  const plan = planFor(open);
  const tokens = plan.scheme === 'autoregressive' ? plan.maxTokens : open;
  return { index, name, entry, model, plan, planFor, tokens };
}
