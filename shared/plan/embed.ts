/** A request for vectors -> what is run for each of its items, and what it costs, before anything runs. */
import { type EmbedRequest, type FeatureKind, MOST_NUMBERS } from '../api/embed.ts';
import { eachInSlices, failureAt } from '../api/failures.ts';
import type { GenerateRequest } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { FailureError, refusal } from '../api/problem.ts';
import { costOf, isExactCost, pixelUnits, unitsOf } from './cost.ts';
import type { PlannedInput } from './inputs.ts';
import { findModality, targetModality } from './names.ts';
import { planInputs, planRequest, type RequestPlan } from './plan.ts';

export interface EmbedItem {
  readonly inputs: GenerateRequest['inputs'];
  /** Its pointer in the request; empty where the request is its only item. */
  readonly at: string;
}

/** What of a request decides how a target is predicted. */
export type Prediction = Pick<
  EmbedRequest,
  'steps' | 'scheme' | 'samples' | 'temperature' | 'guidance_scale'
>;

/** What one item costs. */
interface Costed {
  readonly cost: EmbedCost;
}

export interface PlannedPrediction {
  readonly item: EmbedItem;
  /** A request for the one target, and its plan. */
  readonly request: GenerateRequest;
  readonly plan: RequestPlan;
}

export interface PlannedFeatures {
  readonly item: EmbedItem;
  readonly inputs: readonly PlannedInput[];
}

export interface EmbedCost {
  readonly encoderPasses: number;
  readonly decoderPasses: number;
  readonly tokenSteps: number;
  readonly units: number;
  /** Whether the passes are exactly those of the run. */
  readonly exact: boolean;
}

export type EmbedPlan = { readonly dimensions: number } & (
  | {
      readonly kind: 'target';
      readonly entry: Modality;
      readonly items: readonly (PlannedPrediction & Costed)[];
    }
  | {
      readonly kind: 'features';
      readonly features: FeatureKind;
      readonly items: readonly (PlannedFeatures & Costed)[];
    }
);

/** The items of a request, each with its pointer. */
export const itemsOf = ({ items, inputs }: Pick<EmbedRequest, 'items' | 'inputs'>): EmbedItem[] =>
  items
    ? items.map((item, index) => ({ inputs: item.inputs, at: pointerTo('items', index) }))
    : [{ inputs: inputs ?? {}, at: '' }];

/** Global embeddings that a model predicts and decodes. */
export const embeddingTargets = ({ modalities }: Model): Modality[] =>
  modalities.filter(({ output, presentation, dimensions }) => {
    return output && presentation === 'vector' && dimensions !== undefined;
  });

/**
 * The global embedding that a name means.
 * @param at pointer of the name
 * @throws FailureError `unknown_target`, `input_only`, `no_tokenizer`, `invalid_target`
 */
export function embeddingTarget(
  name: string,
  model: Model,
  at = pointerTo('target'),
): Modality & { readonly dimensions: number } {
  const known = embeddingTargets(model).map((entry) => entry.name);
  const those =
    known.length > 0
      ? `its global embeddings are ${known.join(', ')}`
      : 'it predicts no global embedding';
  const entry = findModality(model, name);
  if (!entry) {
    throw refusal('unknown_target', `${name} is not a target of ${model.id}; ${those}`, at);
  }
  if (entry.presentation !== 'vector') {
    const detail = `${name} is not a global embedding of ${model.id}; ${those}`;
    throw refusal('invalid_target', detail, at);
  }
  if (model.kind === 'encoder') {
    const detail = `only the encoder of ${model.id} is loaded, which gives features and predicts nothing`;
    throw refusal('unknown_target', detail, at);
  }
  if (!entry.output || targetModality(entry, name) === undefined)
    throw refusal('input_only', `${name} can be given but not predicted`, at);
  const { dimensions } = entry;
  if (dimensions === undefined) {
    const detail = `no tokenizer is loaded that turns tokens of ${name} into a vector`;
    throw refusal('no_tokenizer', detail, at);
  }
  return { ...entry, dimensions };
}

/** Pointers of a request for one target -> those of a request for vectors. */
function asOfItem(error: unknown, at: string): unknown {
  if (!(error instanceof FailureError)) return error;
  const errors = error.failure.errors ?? [];
  const settings = errors.filter(({ pointer }) => pointer.startsWith('/targets/0'));
  if (settings.length === 0) return failureAt(error, at);
  const moved = errors.map(({ detail, pointer }) => {
    const rest = pointer.slice('/targets/0'.length);
    return { detail, pointer: rest === '' ? `${at}/inputs` : rest };
  });
  return new FailureError({ ...error.failure, errors: moved }, { cause: error });
}

/** The request for one target that an item stands for. */
export function predictionRequest(
  inputs: GenerateRequest['inputs'],
  target: string,
  { steps = 1, scheme = 'maskgit', samples = 1, temperature, guidance_scale = 1 }: Prediction,
): GenerateRequest {
  return {
    inputs,
    targets: [
      {
        modality: target,
        scheme,
        steps,
        temperature: temperature ?? (samples > 1 ? 1 : 0),
        temperature_schedule: 'constant',
        top_k: 0,
        top_p: 0,
        guidance_scale,
      },
    ],
    chained: true,
    num_samples: samples,
    outputs: 'tokens',
  };
}

/** @throws FailureError naming the item's field that does not fit */
export function planPrediction(
  item: EmbedItem,
  target: string,
  settings: Prediction,
  model: Model,
): PlannedPrediction {
  try {
    const request = predictionRequest(item.inputs, target, settings);
    return { item, request, plan: planRequest(request, model) };
  } catch (error) {
    throw asOfItem(error, item.at);
  }
}

function planFeatures(item: EmbedItem, model: Model): PlannedFeatures {
  try {
    return { item, inputs: planInputs(item, model) };
  } catch (error) {
    throw failureAt(error, item.at);
  }
}

const visible = ({ inputs }: PlannedFeatures): number =>
  inputs.reduce((sum, input) => sum + input.visible, 0);

function numbersOf(planned: PlannedFeatures, kind: FeatureKind, width: number): number {
  const vectors = { mean: 1, modalities: planned.inputs.length, tokens: visible(planned) };
  return vectors[kind] * width;
}

/** @throws FailureError `too_large` for more numbers than an answer may have */
function assertAnswerable(numbers: number, format: EmbedRequest['format'], field: string): void {
  const most = MOST_NUMBERS[format];
  if (numbers <= most) return;
  const others = format === 'array' ? `, as base64 ${MOST_NUMBERS.base64}` : '';
  const detail =
    `the vectors have ${numbers} numbers together, and an answer at most ${most}${others}; ask for fewer ` +
    'items, or for means';
  throw refusal('too_large', detail, pointerTo(field));
}

function predictionCost({ plan }: PlannedPrediction): EmbedCost {
  const { encoderPasses, decoderPasses, tokenSteps, units } = costOf(plan);
  return { encoderPasses, decoderPasses, tokenSteps, units, exact: isExactCost(plan) };
}

function featuresCost(planned: PlannedFeatures, model: Model): EmbedCost {
  const tokenSteps = visible(planned);
  return {
    encoderPasses: 1,
    decoderPasses: 0,
    tokenSteps,
    units: unitsOf(tokenSteps, model),
    exact: planned.inputs.every(({ exact }) => exact),
  };
}

/**
 * Plans the items in slices, since there may be many.
 * @throws FailureError for everything that is wrong with the request, with the pointers of all bad items
 */
export async function planEmbed(request: EmbedRequest, model: Model): Promise<EmbedPlan> {
  const items = itemsOf(request);
  const { target, features } = request;
  if (features) {
    const { width } = model;
    if (width === undefined) {
      const detail = `the worker of ${model.id} is of an earlier version, which gives no features`;
      throw refusal('invalid_target', detail, pointerTo('features'));
    }
    const planned = await eachInSlices(items, (item) => {
      const own = planFeatures(item, model);
      return { ...own, cost: featuresCost(own, model) };
    });
    const numbers = planned.map((own) => numbersOf(own, features, width));
    assertAnswerable(
      numbers.reduce((sum, own) => sum + own, 0),
      request.format,
      'features',
    );
    return { kind: 'features', dimensions: width, features, items: planned };
  }
  const entry = embeddingTarget(target ?? '', model);
  const planned = await eachInSlices(items, (item) => {
    const own = planPrediction(item, target ?? '', request, model);
    return { ...own, cost: predictionCost(own) };
  });
  assertAnswerable(items.length * entry.dimensions, request.format, 'items');
  return { kind: 'target', dimensions: entry.dimensions, entry, items: planned };
}

/** What it costs to make one vector: of a target that is predicted, or of the encoder's features without one. */
export function costOfItem(
  item: EmbedItem,
  { target, ...settings }: Prediction & { readonly target?: string | undefined },
  model: Model,
): EmbedCost {
  if (target === undefined) return featuresCost(planFeatures(item, model), model);
  return predictionCost(planPrediction(item, target, settings, model));
}

/** @param pixels of all pictures and masks that are given */
export const costOfEmbed = ({ items }: EmbedPlan, pixels = 0): EmbedCost =>
  sumOfCosts(
    items.map(({ cost }) => cost),
    pixels,
  );

/** @param pixels of all pictures and masks that are given */
export function sumOfCosts(costs: readonly EmbedCost[], pixels = 0): EmbedCost {
  const sum = (of: (cost: EmbedCost) => number): number =>
    costs.reduce((all, cost) => all + of(cost), 0);
  return {
    encoderPasses: sum((cost) => cost.encoderPasses),
    decoderPasses: sum((cost) => cost.decoderPasses),
    tokenSteps: sum((cost) => cost.tokenSteps),
    units: sum((cost) => cost.units) + pixelUnits(pixels),
    exact: costs.every(({ exact }) => exact),
  };
}
