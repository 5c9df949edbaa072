/** What jobs are done with. */
import { refusal } from '../../shared/api/problem.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Tracer } from '../../shared/tracing/tracer.ts';
import type { Log } from '../log.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Registry } from '../registry/registry.ts';
import type { Collections } from '../retrieval/collections.ts';
import type { HeadSource } from '../tasks/headSource.ts';
import type { Gate } from './gate.ts';

export interface JobServices {
  readonly gate: Gate;
  readonly log: Log;
  /** Absent where nobody watches. */
  readonly metrics?: WorkerMetrics | undefined;
  /** Absent where no traces are told. */
  readonly tracer?: Tracer | undefined;
  readonly registry: Registry;
  /** Opens the collections at the first call; absent where the worker keeps none. */
  readonly collections?: (() => Collections) | undefined;
  /** Heads of the store; absent where the worker has none. */
  readonly heads?: HeadSource | undefined;
  /** What edges write to as well: inputs lie there that were given by address or upload. */
  readonly store?: Store | undefined;
  /** Whether whoever is charged is served every model; otherwise only those whose licence allows it. */
  readonly acceptsEveryLicence?: boolean | undefined;
  /** True once the worker takes no more jobs. */
  readonly isStopping: () => boolean;
  /** Aborts when jobs that still run have to end, with the failure that their callers are told. */
  readonly stopped: AbortSignal;
}

/** @throws FailureError `not_ready` */
export function assertServing({ isStopping, registry }: JobServices): void {
  if (isStopping()) throw refusal('not_ready', 'the worker is stopping');
  if (registry.descriptions().length === 0)
    throw refusal('not_ready', 'the models are still being loaded');
}
