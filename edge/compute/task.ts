/**
 * A task whose results are computed once and kept: what it takes to say of one, so that its route has the cache, the
 * coalescing, the cancelling, the events and the dry runs that all of them have.
 */
import type * as z from 'zod';
import type { Output, PlannedTarget, Progress } from '../../shared/api/generate.ts';
import type { JobTask } from '../../shared/api/jobs.ts';
import type { ServedBy } from '../../shared/api/outputs.ts';
import type { Sources } from '../../shared/api/takeInput.ts';
import type { Webhook } from '../../shared/api/webhooks.ts';
import type { JobDescription } from '../../shared/jobs/job.ts';
import type { KeyedModel } from '../../shared/results/keys.ts';
import type { Wanted } from '../accept.ts';
import type { Files } from '../body/files.ts';
import type { CacheWishes } from '../cacheControl.ts';
import type { WorkContext } from '../dispatch/coalesce.ts';
import type { WorkTurn } from '../dispatch/dispatcher.ts';
import type { EdgeContext } from '../problems.ts';

/** What is wanted, as far as the way to a result goes; each task adds its own. */
export interface Wish {
  /** Who wishes it. */
  readonly tenant: string;
  /** The result's id, which is its place in the store, and its seed where it has one. */
  readonly key: { readonly id: string; readonly seed?: number };
  /** The models that the key names. */
  readonly models: readonly (KeyedModel & Partial<ServedBy>)[];
  readonly isDryRun: boolean;
  /** Of this caller alone: others go on waiting. */
  readonly deadlineMs: number | undefined;
  /** When that began to count, by `performance.now()`; when the work begins where it is left out. */
  readonly began?: number;
  /** Who is told how it goes on, where it becomes a job. */
  readonly webhook: Webhook | undefined;
  /** Whether the same bytes of a request always want the same: nothing in it is drawn, looked up or fetched. */
  readonly isLasting?: boolean;
  readonly wanted: Wanted;
  readonly cache: CacheWishes;
  /** Bytes that inputs gave which were addresses or uploads. */
  readonly sources?: Sources;
}

/** Who asks, for the worker's log. */
export interface Asker {
  readonly requestId: string;
  readonly traceparent: string;
  /** Whose work it is and how urgent, where that was said; a direct request's otherwise. */
  readonly turn?: WorkTurn | undefined;
}

export interface Ran<R> {
  readonly result: R;
  /** Said of it in `Cache-Status`. */
  readonly detail?: string;
  /** Keeps what belongs to a result that is going to be stored. */
  readonly keep?: () => Promise<void>;
}

/** What a worker is asked for a job, and what is kept beside its result. */
export interface JobWork {
  readonly task: JobTask;
  /** As it is asked of a worker directly, with names for files. */
  readonly request: object;
  readonly files: Files;
  readonly keep?: JobDescription['keep'];
  /** What the caller sees beside the stored result. */
  readonly view?: Readonly<Record<string, unknown>>;
}

export interface Task<W extends Wish, R extends object> {
  /** What a result is: anything else in its place of the store does not count. */
  readonly schema: z.ZodType<R>;
  /** @throws FailureError for everything that is wrong with the request */
  readonly read: (c: EdgeContext) => Promise<W>;
  /** What it would cost. Nothing is sent to a worker. */
  readonly dryRun: (wish: W) => Promise<{ readonly usage: { readonly units: number } }>;
  /** Units of computing it now; those of a dry run when left out. */
  readonly unitsNow?: (wish: W) => Promise<number>;
  /** What a stored result is priced as that does not say its units itself; those of a dry run when left out. */
  readonly units?: (wish: W) => number;
  /** Has a worker compute it. @throws FailureError as the dispatcher; the signal's reason */
  readonly run: (wish: W, asker: Asker, context: WorkContext<Progress>) => Promise<Ran<R>>;
  /** The work as a job; absent where it cannot be one. */
  readonly job?: (wish: W, asker: Asker) => JobWork;
  /** How the targets of a result are made; absent where there are none. */
  readonly schedule?: (wish: W, result: R) => readonly PlannedTarget[];
  /** The models that made a result: one that was replaced meanwhile is not the one that the key names. */
  readonly madeBy: (result: R) => readonly KeyedModel[];
  /** False where what a stored result stands on is gone, so that it is made again. */
  readonly isWhole?: (wish: W, result: R) => Promise<boolean>;
  /** The result as this caller asked for it; as it is when left out. */
  readonly view?: (wish: W, result: R) => object;
  /** Whether files are links: all of them (false), or none (true); the query's to say when left out. */
  readonly inline?: (wish: W) => boolean;
  /** The answer as another API has it, of what this one would answer and how old that is. */
  readonly translate?: (wish: W, answer: object, ageSeconds: number) => object;
  /** The one output whose bytes may be the answer. */
  readonly single?: (wish: W, result: R) => Output | undefined;
}
