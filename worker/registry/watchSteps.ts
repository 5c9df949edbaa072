/** Counts the steps of a loaded model. */
import type { OnStep } from '../batching/step.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Served } from '../tasks/servedModel.ts';

/** What is told of a step -> metrics of the model. A step takes milliseconds, and counting it microseconds. */
export function countSteps(model: string, metrics: WorkerMetrics): OnStep {
  return (step) => {
    const labels = { model, kind: step.kind };
    metrics.observe('stepSeconds', labels, (step.ended - step.started) / 1000);
    metrics.observe('stepRequests', labels, step.requests);
    metrics.observe('stepRows', labels, step.rows);
    for (const { priority, milliseconds } of step.waits)
      metrics.observe('stepWait', { model, priority }, milliseconds / 1000);
    metrics.count('stepTokens', labels, step.tokens);
    metrics.count('stepPadding', labels, step.paddingTokens);
    metrics.count('stepKeys', labels, step.keys);
    metrics.count('stepPaddingKeys', labels, step.paddingKeys);
    metrics.count('passesSaved', { model, reason: 'shared_step' }, step.requests - 1);
    metrics.count('passesSaved', { model, reason: 'kept_context' }, step.known);
  };
}

export function watchSteps(model: Served, metrics: WorkerMetrics): void {
  model.scheduler.watch?.(countSteps(model.description.id, metrics));
}
