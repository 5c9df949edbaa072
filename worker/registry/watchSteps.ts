/** Counts the steps of a loaded model. */
import type { OnStep, Step } from '../batching/step.ts';
import type { Priority } from '../batching/turns.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Served } from '../tasks/servedModel.ts';

const KINDS: readonly Step['kind'][] = ['predict', 'write', 'encode', 'features'];
const PRIORITIES: readonly Priority[] = ['interactive', 'batch'];

/** What is told of a step -> metrics of the model. Counting one takes microseconds, so nothing is counted in vain. */
export function countSteps(model: string, metrics: WorkerMetrics): OnStep {
  const sums = ['stepTokens', 'stepPadding', 'stepKeys', 'stepPaddingKeys'] as const;
  // What is 0 all the time is told as 0, and not left out.
  for (const kind of KINDS) for (const name of sums) metrics.count(name, { model, kind }, 0);

  const add = (name: (typeof sums)[number], kind: Step['kind'], by: number): void => {
    if (by > 0) metrics.count(name, { model, kind }, by);
  };
  const save = (reason: string, passes: number): void => {
    if (passes > 0) metrics.count('passesSaved', { model, reason }, passes);
  };
  return (step) => {
    const { kind } = step;
    const labels = { model, kind };
    metrics.observe('stepSeconds', labels, (step.ended - step.started) / 1000);
    metrics.observe('stepRequests', labels, step.requests);
    metrics.observe('stepRows', labels, step.rows);
    for (const priority of PRIORITIES) {
      const waits = step.waits.filter((wait) => wait.priority === priority);
      if (waits.length === 0) continue;
      const longest = Math.max(...waits.map(({ milliseconds }) => milliseconds));
      metrics.observe('stepWait', { model, priority }, longest / 1000);
    }
    add('stepTokens', kind, step.tokens);
    add('stepPadding', kind, step.paddingTokens);
    add('stepKeys', kind, step.keys);
    add('stepPaddingKeys', kind, step.paddingKeys);
    save('shared_step', step.requests - 1);
    save('kept_context', step.known);
  };
}

export function watchSteps(model: Served, metrics: WorkerMetrics): void {
  model.scheduler.watch?.(countSteps(model.description.id, metrics));
}
