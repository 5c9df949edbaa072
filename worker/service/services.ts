/** What jobs are done with. */
import { refusal } from '../../shared/api/problem.ts';
import type { Gate } from './gate.ts';
import type { Log } from './log.ts';
import type { Models } from './models.ts';

export interface JobServices {
  readonly gate: Gate;
  readonly log: Log;
  readonly models: Models;
  /** True once the worker takes no more jobs. */
  readonly isStopping: () => boolean;
  /** Aborts when jobs that still run have to end, with the failure that their callers are told. */
  readonly stopped: AbortSignal;
}

/** @throws FailureError `not_ready` */
export function assertServing({ isStopping, models }: JobServices): void {
  if (isStopping()) throw refusal('not_ready', 'the worker is stopping');
  // Half a list of models would be taken for the whole one, so there is none before all are loaded.
  if (models.descriptions().length === 0)
    throw refusal('not_ready', 'the models are still being loaded');
}
