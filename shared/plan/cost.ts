/**
 * What a request costs, from its plan alone: forward passes, and the units it is charged. Pure, so that
 * the edge prices with it what the worker runs.
 *
 * Passes: the encoder once for each different state that a target is predicted from, the decoder once for
 * each prediction from a state; a sequence counts one decoder pass for each token and state. States that
 * samples or unchained targets share are encoded once. Guidance with one scale looks at two states, with
 * weights at one for each weighted input and one without them; a state that counts nothing is left out.
 *
 * A chain's targets are all emptied before its first step, so that each state holds the opening sentinel of
 * every sequence that is still to come.
 *
 * Units: every token that a pass reads or predicts is a token-step, which weighs one for each million
 * parameters of its model (tokenizers included):
 *
 *   units = sum over passes of tokens x parameters / 1,000,000, rounded up, at least 1,
 *           and 1 for every 1,000 pixels of the pictures and masks that are given, which have to be decoded
 *
 * A sequence is charged at its longest, a text input by its length (`pricedTokens`), a picture with a mask
 * as if all of it were given and all of it to be generated: so the price is known before it runs, and is
 * never more afterwards. What is predicted from nothing at all is a constant of the model, and is free.
 */

import type { Model } from '../api/models.ts';
import type { PlannedInput } from './inputs.ts';
import { emptySequences, type RequestPlan, type Stage } from './plan.ts';
import { matters } from './targetPlan.ts';
import type { StageTarget } from './targets.ts';

export interface Cost {
  readonly encoderPasses: number;
  readonly decoderPasses: number;
  readonly units: number;
  /** Tokens that the passes read or predict. */
  readonly tokenSteps: number;
  /** At most, where there are sequences. */
  readonly generatedTokens: number;
}

/** Pixels that take about as long to decode as a token-step of a million parameters. */
const PIXELS_A_UNIT = 1000;

/** Tokens that the request gives are the same for all samples, those that were made are not. */
const GIVEN = 'given';
const OWN = 'own';

/** What is visible of a modality, by who made it. */
interface Part {
  readonly origin: string;
  readonly tokens: number;
}
/** What the encoder sees at a step, by modality. */
type View = ReadonlyMap<string, Part>;

/** What an emptied sequence shows: one token that says nothing of the request. */
const EMPTIED: Part = { origin: 'emptied', tokens: 1 };

interface Counted {
  encoderPasses: number;
  decoderPasses: number;
  tokenSteps: number;
}
const nothing = (): Counted => ({ encoderPasses: 0, decoderPasses: 0, tokenSteps: 0 });

interface Tally {
  /** States of which the encoder has been counted. */
  readonly encoded: Set<string>;
  /** Once for all samples. */
  readonly shared: Counted;
  /** For each sample anew. */
  readonly own: Counted;
}

const keyOf = (state: View): string =>
  [...state]
    .map(([name, { origin, tokens }]) => `${name}:${origin}:${tokens}`)
    .sort()
    .join('|');
const sizeOf = (state: View): number =>
  [...state.values()].reduce((sum, { tokens }) => sum + tokens, 0);
const isOwn = (state: View): boolean => [...state.values()].some(({ origin }) => origin === OWN);
const isConstant = (state: View): boolean => [...state.values()].every((part) => part === EMPTIED);

const without = (state: View, names: readonly string[]): View =>
  new Map([...state].filter(([name]) => !names.includes(name)));

/** Conditioning that guidance takes away: pictures vanish, everything else shows one empty token. */
function emptied(state: View, conditioning: readonly string[], grids: ReadonlySet<string>): View {
  const entries = [...state].flatMap(([name, part]): [string, Part][] => {
    if (!conditioning.includes(name)) return [[name, part]];
    return grids.has(name) ? [] : [[name, EMPTIED]];
  });
  return new Map(entries);
}

/** The states that one step looks at. */
function conditions(
  state: View,
  { plan }: StageTarget,
  conditioning: readonly string[],
  grids: ReadonlySet<string>,
): View[] {
  const weighted: [View, number][] = [];
  if (plan.guidance) {
    const single = Object.entries(plan.guidance).filter(
      ([name]) => name !== plan.modality && state.has(name),
    );
    const names = single.map(([name]) => name);
    for (const [name, weight] of single) {
      weighted.push([
        without(
          state,
          names.filter((other) => other !== name),
        ),
        weight,
      ]);
    }
    const total = single.reduce((sum, [, weight]) => sum + weight, 0);
    weighted.push([without(state, names), 1 - total]);
  } else if (plan.guidanceScale === 1) weighted.push([state, 1]);
  else {
    const others = conditioning.filter((name) => name !== plan.modality);
    weighted.push([state, plan.guidanceScale]);
    weighted.push([emptied(state, others, grids), 1 - plan.guidanceScale]);
  }
  const byKey = new Map<string, readonly [View, number]>();
  for (const [seen, weight] of weighted) {
    const equal = byKey.get(keyOf(seen));
    byKey.set(keyOf(seen), [seen, weight + (equal?.[1] ?? 0)]);
  }
  return [...byKey.values()].filter(([, weight]) => matters(weight)).map(([seen]) => seen);
}

function countStates(tally: Tally, states: readonly View[]): void {
  for (const state of states) {
    const key = keyOf(state);
    if (tally.encoded.has(key)) continue;
    tally.encoded.add(key);
    const side = isOwn(state) ? tally.own : tally.shared;
    side.encoderPasses += 1;
    if (!isConstant(state)) side.tokenSteps += sizeOf(state);
  }
}

interface Surroundings {
  readonly conditioning: readonly string[];
  readonly grids: ReadonlySet<string>;
}

function countGrid(
  target: StageTarget,
  start: View,
  { conditioning, grids }: Surroundings,
  tally: Tally,
): View {
  const { modality, scheme, counts } = target.plan;
  const states = conditions(start, target, conditioning, grids);
  let open = target.tokens;
  for (const count of counts.filter((settled) => settled > 0)) {
    const isFirst = open === target.tokens;
    const predicted = scheme === 'roar' ? count : open;
    if (isFirst) countStates(tally, states);
    for (const seen of states) {
      // A subset is drawn by each sample for itself; all that is open is the same for all.
      const isShared = isFirst && predicted === open && !isOwn(seen);
      const side = isShared ? tally.shared : tally.own;
      side.decoderPasses += 1;
      if (!isFirst) {
        // From the second step on a state holds what the sample has settled, and is its own.
        tally.own.encoderPasses += 1;
        tally.own.tokenSteps += sizeOf(seen) + target.tokens - open;
      }
      if (!isFirst || !isConstant(seen)) side.tokenSteps += predicted;
    }
    open -= count;
  }
  if (open === target.tokens) return start;
  const tokens = (start.get(modality)?.tokens ?? 0) + target.tokens - open;
  return new Map([...start, [modality, { origin: OWN, tokens }]]);
}

function countSequence(
  target: StageTarget,
  start: View,
  { conditioning, grids }: Surroundings,
  tally: Tally,
): View {
  const { modality, maxTokens } = target.plan;
  const states = conditions(start, target, conditioning, grids);
  countStates(tally, states);
  tally.own.decoderPasses += states.length * maxTokens;
  tally.own.tokenSteps += states.length * maxTokens;
  return new Map([...start, [modality, { origin: OWN, tokens: maxTokens }]]);
}

const part = (input: PlannedInput, origin: string): [string, Part] => [
  input.modality,
  { origin, tokens: input.visible },
];

/** Counts one sample: the others go through the same, and share what is not their own. */
function countStage(stage: Stage, chained: boolean, reused: number): Tally {
  const tally: Tally = { encoded: new Set(), shared: nothing(), own: nothing() };
  const { inputs, made, targets } = stage;
  const grids = new Set(
    [...inputs, ...made, ...targets.map(({ entry, plan }) => ({ entry, modality: plan.modality }))]
      .filter(({ entry }) => entry.type === 'img')
      .map(({ modality }) => modality),
  );
  const start: View = new Map([
    ...inputs.map((input) => part(input, GIVEN)),
    ...made.map((input) => part(input, OWN)),
  ]);
  /** The start with these targets emptied. */
  const emptyOf = (names: readonly string[]): View =>
    new Map([...start, ...names.map((name): [string, Part] => [name, EMPTIED])]);
  const open = emptySequences(stage);
  let state = emptyOf(open);
  let conditioning = [...inputs, ...made].map(({ modality }) => modality);
  for (const [index, target] of targets.entries()) {
    const { modality, scheme } = target.plan;
    const sequence = scheme === 'autoregressive';
    if (index < reused) {
      const tokens = sequence ? target.plan.maxTokens : target.entry.tokens;
      state = new Map([...state, [modality, { origin: OWN, tokens }]]);
    } else {
      const count = sequence ? countSequence : countGrid;
      const seen = chained ? state : emptyOf(open.filter((name) => name === modality));
      state = count(target, seen, { conditioning, grids }, tally);
    }
    if (chained && !sequence) conditioning = [...new Set([...conditioning, modality])];
  }
  return tally;
}

const millions = ({ parameters }: Pick<Model, 'parameters'>): number => parameters / 1_000_000;

/** Units of token-steps of one model, at least 1. */
export const unitsOf = (tokenSteps: number, model: Pick<Model, 'parameters'>): number =>
  Math.max(1, Math.ceil(tokenSteps * millions(model)));

/** Units of pictures that have to be decoded. */
export const pixelUnits = (pixels: number): number => Math.floor(pixels / PIXELS_A_UNIT);

/**
 * @param reused leading targets of a chain that are there already and cost nothing
 * @param pixels of all pictures and masks that are given
 */
export function costOf(plan: RequestPlan, reused = 0, pixels = 0): Cost {
  let [encoderPasses, decoderPasses, weighed, tokenSteps, generatedTokens] = [0, 0, 0, 0, 0];
  let left = reused;
  for (const stage of plan.stages) {
    const skipped = Math.min(left, stage.targets.length);
    left -= skipped;
    const { shared, own } = countStage(stage, plan.chained, skipped);
    const total = (of: (side: Counted) => number): number => of(shared) + plan.samples * of(own);
    encoderPasses += total((side) => side.encoderPasses);
    decoderPasses += total((side) => side.decoderPasses);
    const steps = total((side) => side.tokenSteps);
    tokenSteps += steps;
    weighed += steps * millions(stage.model);
    const tokens = stage.targets.slice(skipped).reduce((sum, target) => sum + target.tokens, 0);
    generatedTokens += tokens * plan.samples;
  }
  return {
    encoderPasses,
    decoderPasses,
    generatedTokens,
    tokenSteps,
    units: Math.max(1, Math.ceil(weighed)) + pixelUnits(pixels),
  };
}

/** Whether the passes are exactly those of the run: sequences end when they end, masks hide what they hide. */
export const isExactCost = (plan: RequestPlan): boolean =>
  plan.stages.every(
    ({ inputs, targets }) =>
      inputs.every(({ exact }) => exact) && targets.every(({ entry }) => entry.type === 'img'),
  );

/**
 * Units of values that become tokens, or of tokens that become values: a token-step for each of them.
 * @param pixels of the pictures and masks that are given
 */
export const unitsOfTokens = (
  tokens: number,
  model: Pick<Model, 'parameters'>,
  pixels = 0,
): number => unitsOf(tokens, model) + pixelUnits(pixels);
