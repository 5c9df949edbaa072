/**
 * Replays a recorded generation on a runner, with the recorded choices in the place of ours, and compares
 * every step: predicted ids, their probabilities, what is kept, and what is known afterwards.
 */
import assert from 'node:assert/strict';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { type LockstepOptions, runLockstep } from '../../worker/batching/lockstep.ts';
import type { Place } from '../../worker/compare/plain.ts';
import type { Engine } from '../../worker/engine/engine.ts';
import type { Predicted, PredictRequest, RunRequests } from '../../worker/engine/forward.ts';
import { type Generated, generate } from '../../worker/engine/generate.ts';
import { argmax, isGreedy, likelihoodOf } from '../../worker/engine/sampling.ts';
import { REFERENCE_SPECIALS, type Trace } from './trace.ts';

/** Numbers from which the recorded tokens are drawn, by where they are drawn. */
export type Draws = Map<string, number>;
const placeKey = (modality: string, step: number, position: number): string =>
  `${modality} ${step} ${position}`;

export interface Replay {
  readonly results: Generated;
  /** Largest difference from a recorded probability; NaN when none was compared. */
  readonly worst: number;
  /** Steps of picture-like targets that were compared. */
  readonly steps: number;
  /** For a runner that draws by inverse CDF. */
  readonly draws: Draws;
}

export interface ReplayOptions extends LockstepOptions {
  /** Ids that end a sequence; the recorded one when left out. */
  readonly stops?: readonly number[];
  readonly maxTokens?: number;
  /** Where the runner draws for itself: from an earlier replay on one that takes the `pick`. */
  readonly draws?: Draws;
}

/** A `pick` that takes the recorded ids, and finds a number from which each one would be drawn. */
const recordedPick =
  (trace: Trace, row: number, draws: Draws) =>
  (probabilities: Float64Array, { modality, step, position }: Place): number => {
    const recorded = trace.step(modality, step, row);
    const id = trace.greedy
      ? argmax(probabilities)
      : recorded.ids![recorded.positions.indexOf(position)]!;
    const below = probabilities.subarray(0, id).reduce((sum, value) => sum + value, 0);
    draws.set(placeKey(modality, step, position), below + probabilities[id]! / 2);
    return id;
  };

/** The answer to a request as the reference breaks its ties, after comparing it with the record. */
function compared(
  trace: Trace,
  row: number,
  request: PredictRequest,
  result: Predicted,
  differences: number[],
): Predicted {
  const recorded = trace.step(request.modality, request.step, row);
  const order = request.positions.map((position) => recorded.positions.indexOf(position));
  assert.ok(!order.includes(-1) && order.length === recorded.positions.length, 'other positions');
  for (const [i, index] of order.entries()) {
    if (recorded.ids) assert.equal(result.ids[i], recorded.ids[index], 'predicted id');
    if (recorded.probabilities)
      differences.push(Math.abs(result.confidence[i]! - recorded.probabilities[index]!));
    const logits = recorded.logits[index];
    if (!logits) continue;
    if (isGreedy(request.sampling.temperature)) assert.equal(result.ids[i], argmax(logits));
    const likelihood = likelihoodOf(logits, result.ids[i]!);
    differences.push(Math.abs(result.likelihood[i]! - likelihood));
  }
  if (!recorded.kept) return result;
  const kept = new Set(recorded.kept);
  return {
    ...result,
    // The reference computes in fp32, in which more are equally sure; then its sort decides.
    confidence: result.confidence.map(Math.fround),
    likelihood: request.positions.map((position) => (kept.has(position) ? 1 : 0)),
  };
}

/** @param runner made with the given `pick`, which one that draws for itself does without */
export async function replay(
  trace: Trace,
  row: number,
  modalities: Readonly<Record<string, ModalityInfo>>,
  runner: (pick: ReturnType<typeof recordedPick>) => RunRequests,
  options: ReplayOptions = {},
): Promise<Replay> {
  const draws: Draws = new Map();
  const differences: number[] = [];
  let steps = 0;
  const stops = options.stops ?? (trace.stop === undefined ? undefined : [trace.stop]);
  const current = new Map<string, number>();
  const engine: Engine = {
    modalities,
    specials: REFERENCE_SPECIALS,
    chance: {
      name: `row ${row}`,
      draw: ({ target, step, position }) =>
        options.draws?.get(placeKey(target, step, position)) ?? 0,
      shuffle: (_, target, step) => [...trace.step(target, step, row).positions],
    },
    ...(stops && { stopTokens: stops }),
    onTokens(target, ids) {
      const step = current.get(target) ?? 0;
      current.set(target, step + 1);
      assert.deepEqual(sorted(ids), sorted(trace.step(target, step, row).after), 'known ids');
      steps++;
    },
  };
  const { maxTokens } = options;
  const targets = trace.targets.map((target) => ({
    ...target,
    ...(maxTokens !== undefined && { maxTokens }),
  }));
  const plan = { targets, chained: true, conditioning: trace.conditioning };
  const run = runner(recordedPick(trace, row, draws));
  const comparing: RunRequests = async (requests) => {
    const results = await run(requests);
    return results.map((result, i) => {
      const request = requests[i]!;
      return request.kind === 'predict' && result.kind === 'predict'
        ? compared(trace, row, request, result, differences)
        : result;
    });
  };
  const forward = generate(engine, plan, trace.start(row));
  const [results] = await runLockstep([forward], comparing, options);
  return {
    results: results!,
    worst: differences.length > 0 ? Math.max(...differences) : NaN,
    steps,
    draws,
  };
}

const sorted = (ids: ReadonlyMap<number, number>): [number, number][] =>
  [...ids].sort(([a], [b]) => a - b);
