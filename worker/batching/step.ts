/** One run of a model's graph, as it is told to whoever watches. */
import type { Choice } from './choose.ts';
import type { StepSize } from './stepSize.ts';
import type { Priority } from './turns.ts';
import type { Work } from './work.ts';

export interface Step extends StepSize {
  readonly kind: Choice['kind'];
  /** Forward requests that shared it. */
  readonly requests: number;
  /** When it began and ended, by `performance.now()`. */
  readonly started: number;
  readonly ended: number;
  /** For each request, how long it has waited for this step. */
  readonly waits: readonly { readonly priority: Priority; readonly milliseconds: number }[];
}

export type OnStep = (step: Step) => void;

/** Tells everyone who watches of a step once. Where nobody does, nothing is made. */
export function tellStep(
  watchers: Iterable<OnStep | undefined>,
  works: readonly Pick<Work, 'asker' | 'since'>[],
  step: Omit<Step, 'requests' | 'waits'>,
): void {
  const told = new Set<OnStep>();
  for (const watcher of watchers) if (watcher) told.add(watcher);
  if (told.size === 0) return;
  const waits = works.map(({ asker, since }) => {
    return { priority: asker.priority, milliseconds: step.started - since };
  });
  for (const watcher of told) watcher({ ...step, requests: works.length, waits });
}
