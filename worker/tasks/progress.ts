/** Tells of a running request: one event a step, at times with a picture of what is there. */
import type { Progress } from '../../shared/api/generate.ts';
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
  /** Resolves when no preview is under way any more. */
  readonly settled: () => Promise<void>;
}

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
  const total = targets.reduce((sum, target) => sum + stepsOf(target), 0);
  const done = targets.map(() => 0);
  let latest: Progress | undefined;
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
    if (picture !== undefined && latest) report({ ...latest, preview: picture });
  };

  return {
    onStep(modality, step, steps) {
      const index = targets.findIndex(({ plan }) => plan.modality === modality);
      const target = targets[index];
      if (!target) return;
      done[index] = step;
      // A text that ended early jumps ahead.
      if (chained)
        for (let i = 0; i < index; i++) done[i] = stepsOf(itemAt(targets, i, 'the targets'));
      const sum = done.reduce((all, count) => all + count, 0);
      latest = { target: target.name, step, steps, fraction: sum / total };
      report(latest);
    },
    onTokens(target, ids, model) {
      if (!previews || underWay || performance.now() < free) return;
      underWay = preview(target, ids, model);
    },
    async settled() {
      await underWay;
    },
  };
}
