/** Tells of a running request: one event a step, at times with a picture of what is there. */
import type { Output, Progress } from '../../shared/api/generate.ts';
import { itemAt } from '../../shared/lookup.ts';
import type { StageTarget } from '../../shared/plan/targets.ts';
import { previewOf } from './preview.ts';
import type { ServedModel } from './servedModel.ts';

/** Time between two previews at least, from one's end to the next one's beginning. */
const PREVIEW_INTERVAL_MS = 500;

export interface Reporter {
  readonly onStep: (target: string, step: number, steps: number) => void;
  /** Makes a preview, when it is time for one and previews are wanted. */
  readonly onTokens: (target: string, ids: ReadonlyMap<number, number>, model: ServedModel) => void;
  /** Tells what a target came to, when previews are wanted. */
  readonly onOutputs: (target: StageTarget, outputs: readonly Output[]) => void;
  /** Resolves when no preview is under way any more. */
  readonly settled: () => Promise<void>;
}

/** What is soon looked at: the exact values come with the result, which may answer them as links. */
const toLookAt = ({ data: _, data_type: __, array: ___, ...output }: Output): Output => output;

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

const stepsOf = ({ plan }: StageTarget): number => plan.counts.length || plan.maxTokens;

/**
 * @param targets those that will be made, in order
 * @param chained when true, the start of a target is the end of the ones before it
 */
export function createReporter(
  targets: readonly StageTarget[],
  { chained, previews }: { readonly chained: boolean; readonly previews: boolean },
  report: (progress: Progress) => void,
): Reporter {
  /** A grid that is partly given may have fewer tokens to generate than were planned steps. */
  const all = targets.map(stepsOf);
  const done = targets.map(() => 0);
  let latest: Progress | undefined;
  /** The last step of each target, by the model's own name. */
  const told = new Map<string, Progress>();
  let underWay: Promise<void> | undefined;
  let free = 0;

  const preview = async (
    target: string,
    ids: ReadonlyMap<number, number>,
    model: ServedModel,
  ): Promise<void> => {
    // A preview that cannot be made is no reason for the request to fail.
    const picture = await previewOf(target, ids, model).catch(() => undefined);
    free = performance.now() + PREVIEW_INTERVAL_MS;
    underWay = undefined;
    // The next target may have begun meanwhile.
    const own = told.get(target);
    if (picture === undefined || !own) return;
    report({ ...own, fraction: latest?.fraction ?? own.fraction, preview: picture });
  };

  return {
    onStep(modality, step, steps) {
      const index = targets.findIndex(({ plan }) => plan.modality === modality);
      const target = targets[index];
      if (!target) return;
      done[index] = step;
      all[index] = steps;
      // A text that ended early jumps ahead.
      if (chained) for (let i = 0; i < index; i++) done[i] = itemAt(all, i, 'the steps');
      latest = { target: target.name, step, steps, fraction: sumOf(done) / sumOf(all) };
      told.set(modality, latest);
      report(latest);
    },
    onTokens(target, ids, model) {
      if (!previews || underWay || performance.now() < free) return;
      // What is complete is told as a whole.
      const entry = targets.find(({ plan }) => plan.modality === target)?.entry;
      if (entry?.tokens === ids.size) return;
      underWay = preview(target, ids, model);
    },
    onOutputs(target, outputs) {
      if (!previews) return;
      const steps = all[targets.indexOf(target)] ?? stepsOf(target);
      const fraction = latest?.fraction ?? 0;
      const found = outputs.map(toLookAt);
      report({ target: target.name, step: steps, steps, fraction, outputs: found });
    },
    async settled() {
      await underWay;
    },
  };
}
