/**
 * What shares a run with the request whose turn it is: equal work only, so that nothing is padded or hidden,
 * and as much of it as fits the time that others may have to wait.
 */
import { itemAt } from '../../shared/lookup.ts';
import { stateKey, type TokenState } from '../engine/tokenState.ts';
import { type Bounds, LOGIT_BYTES } from './bounds.ts';
import type { SeenContext } from './fused/states.ts';
import type { Pace } from './pace.ts';
import type { FeaturesWork, OpenGroup, PredictWork, Work, WriteWork } from './work.ts';

export interface Model {
  readonly tokensOf: (state: TokenState) => number;
  /** States that are equal in this may be encoded for their features side by side. */
  readonly compositionOf: (state: TokenState) => string;
  readonly seen: (state: TokenState) => SeenContext | undefined;
  readonly pace: Pace;
  /** Bytes of the keys and values of a token, in all layers. */
  readonly tokenBytes: number;
  /** Ids of a target. */
  readonly vocabularyOf: (modality: string) => number;
  readonly bounds: Bounds;
  /** Of `bounds`, for this model. */
  readonly mostBytes: number;
}

/** States to be encoded for sequences. */
export interface EncodeChoice {
  readonly kind: 'encode';
  readonly works: readonly WriteWork[];
  readonly states: readonly TokenState[];
}
/** Sequences to be written on. */
export interface WriteChoice {
  readonly kind: 'write';
  readonly works: readonly WriteWork[];
}
/** Groups to be decoded, by the state that they look at. */
export interface PredictChoice {
  readonly kind: 'predict';
  /** Those that have a group among them. */
  readonly works: readonly PredictWork[];
  readonly states: readonly { readonly state: TokenState; readonly groups: readonly OpenGroup[] }[];
}
/** States whose features are wanted. */
export interface FeaturesChoice {
  readonly kind: 'features';
  readonly works: readonly FeaturesWork[];
}
export type Choice = EncodeChoice | WriteChoice | PredictChoice | FeaturesChoice;

/** @param all everything that waits, in the order in which it may join; `lead` is among them */
export function choose(lead: Work, all: readonly Work[], model: Model): Choice {
  const companions = [lead, ...all.filter((work) => work !== lead)];
  if (lead.kind === 'predict') return choosePredictions(lead, companions, model);
  if (lead.kind === 'features') return chooseFeatures(lead, companions, model);
  return (
    chooseStates(lead, companions, model) ?? {
      kind: 'write',
      works: chooseSequences(lead, all, model),
    }
  );
}

/** True where a run of this size would hold up others for too long. */
const isLong = (
  { pace, bounds }: Model,
  kind: 'encode' | 'predict' | 'features',
  size: number,
): boolean => (pace.expected(kind, size) ?? Number.POSITIVE_INFINITY) > bounds.longest[kind];

/** Sequences gain so much from company that a run of them may take this many times that of one. */
const GAIN = 2.5;

function isTooLong({ pace, bounds }: Model, rows: number): boolean {
  const alone = pace.expected('write', 1) ?? 0;
  return (pace.expected('write', rows) ?? 0) > Math.max(bounds.longest.write, GAIN * alone);
}

function chooseFeatures(
  lead: FeaturesWork,
  companions: readonly Work[],
  model: Model,
): FeaturesChoice {
  const composition = model.compositionOf(lead.state);
  const length = model.tokensOf(lead.state);
  const works: FeaturesWork[] = [];
  for (const work of companions) {
    if (work.kind !== 'features' || model.compositionOf(work.state) !== composition) continue;
    const tokens = (works.length + 1) * length;
    const isFull =
      tokens > model.bounds.tokens ||
      isLong(model, 'features', tokens) ||
      works.length >= Math.min(lead.most, work.most);
    if (works.length > 0 && isFull) break;
    works.push(work);
  }
  return { kind: 'features', works };
}

/** Sequences cannot go on before what they look at is encoded. */
function chooseStates(
  lead: WriteWork,
  companions: readonly Work[],
  model: Model,
): EncodeChoice | undefined {
  const unseen = (work: WriteWork) => work.sequence.states.filter((state) => !model.seen(state));
  const [first] = unseen(lead);
  if (!first) return undefined;
  const length = model.tokensOf(first);
  const states = new Map<string, TokenState>();
  const works: WriteWork[] = [];
  for (const work of companions) {
    if (work.kind !== 'write' || works.length >= Math.min(lead.most, work.most)) continue;
    const equal = unseen(work).filter((state) => model.tokensOf(state) === length);
    const added = equal.filter((state) => !states.has(stateKey(state)));
    if (equal.length === 0) continue;
    const tokens = (states.size + added.length) * length;
    const isFull = tokens > model.bounds.tokens || isLong(model, 'encode', tokens);
    if (works.length > 0 && added.length > 0 && isFull) continue;
    works.push(work);
    for (const state of added) states.set(stateKey(state), state);
  }
  return { kind: 'encode', works, states: [...states.values()] };
}

/** Those that were begun first: the same ones run after run, so that their caches stay together. */
function chooseSequences(lead: WriteWork, all: readonly Work[], model: Model): WriteWork[] {
  const ready = all.filter(
    (work): work is WriteWork =>
      work.kind === 'write' &&
      work.request.modality === lead.request.modality &&
      work.sequence.states.every((state) => model.seen(state) !== undefined),
  );
  const works: WriteWork[] = [];
  let [rows, bytes] = [0, 0];
  for (const work of ready.sort((a, b) => a.sequence.begun - b.sequence.begun)) {
    const { states, tokens } = work.sequence;
    const seen = states.reduce((sum, state) => sum + model.tokensOf(state), 0);
    const own = (seen + states.length * tokens) * model.tokenBytes;
    const isFull =
      rows + states.length > model.bounds.rows ||
      bytes + own > model.mostBytes ||
      works.length >= Math.min(work.most, lead.most) ||
      isTooLong(model, rows + states.length);
    if (works.length > 0 && isFull) break;
    works.push(work);
    rows += states.length;
    bytes += own;
  }
  return works;
}

/** Groups that may share a run: as many targets, seen from as many tokens. */
const bucketOf = ({ state, positions }: OpenGroup, model: Model): string =>
  `${model.tokensOf(state)} ${positions.length}`;

/** What drawing the tokens of groups takes: the logits of a run are all as wide as the largest vocabulary in it. */
const logitBytes = (groups: readonly OpenGroup[], { vocabularyOf }: Model): number =>
  groups.reduce((sum, { positions }) => sum + positions.length, 0) *
  Math.max(...groups.map(({ modality }) => vocabularyOf(modality))) *
  LOGIT_BYTES;

function choosePredictions(
  lead: PredictWork,
  companions: readonly Work[],
  model: Model,
): PredictChoice {
  const first = itemAt([...lead.open.values()], 0, 'open groups');
  const bucket = bucketOf(first, model);
  const byState = new Map<string, Map<string, OpenGroup>>();
  // Those that look at the same group share a run of one state as well.
  const predictions = companions
    .filter(
      (work): work is PredictWork =>
        work.kind === 'predict' &&
        [...work.open.values()].some((group) => bucketOf(group, model) === bucket),
    )
    .slice(0, lead.most);
  for (const work of predictions)
    for (const group of work.open.values()) {
      if (bucketOf(group, model) !== bucket) continue;
      const key = stateKey(group.state);
      const own = byState.get(key) ?? new Map<string, OpenGroup>();
      byState.set(key, own.set(group.key, group));
    }
  // All states of a run have as many groups as the first one.
  const count = byState.get(stateKey(first.state))?.size ?? 0;
  const tokens = model.tokensOf(first.state) + count * first.positions.length;
  const states: { state: TokenState; groups: OpenGroup[] }[] = [];
  let bytes = 0;
  for (const groups of byState.values()) {
    if (groups.size !== count) continue;
    const size = (states.length + 1) * tokens;
    const list = [...groups.values()];
    const own = logitBytes(list, model);
    const isFull =
      size > model.bounds.tokens ||
      bytes + own > model.mostBytes ||
      isLong(model, 'predict', size) ||
      states.length >= lead.most;
    if (states.length > 0 && isFull) break;
    bytes += own;
    states.push({ state: itemAt(list, 0, 'groups of a state').state, groups: list });
  }
  const keys = new Set(states.flatMap(({ groups }) => groups.map(({ key }) => key)));
  const works = predictions.filter(({ open }) => [...open.keys()].some((key) => keys.has(key)));
  return { kind: 'predict', works, states };
}
