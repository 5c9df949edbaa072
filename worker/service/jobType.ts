/** What the table of jobs has to say of each kind, and what jobs are done with. */
import type { ClassifyResponse } from '../../shared/api/classify.ts';
import type { EmbedResponse } from '../../shared/api/embed.ts';
import type { Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import type { DetokenizeResponse, TokenizeResponse } from '../../shared/api/tokens.ts';
import type { MadeHead, WorkerGenerateResponse } from '../../shared/api/worker.ts';
import type { OnStep } from '../batching/step.ts';
import type { JobKind, JobRequest } from '../jobs/job.ts';
import type { Collections } from '../retrieval/collections.ts';
import type { OnDecoded } from '../tasks/decoding.ts';
import type { HeadSource } from '../tasks/headSource.ts';
import type { Lender } from '../tasks/lender.ts';
import type { Load } from './gate.ts';

export interface JobResults {
  readonly generate: WorkerGenerateResponse;
  readonly embed: EmbedResponse;
  readonly tokenize: TokenizeResponse;
  readonly detokenize: DetokenizeResponse;
  readonly collections: object;
  readonly classify: ClassifyResponse;
  readonly fitHead: MadeHead;
  readonly readHead: MadeHead;
}

export interface JobOptions {
  /** Stops within one decoding step; its reason is thrown. */
  readonly signal: AbortSignal;
  /** All models: a target may need another than the request's own. */
  readonly lender: Lender;
  /** Absent where the worker keeps none. */
  readonly collections?: (() => Collections) | undefined;
  /** Heads of the store. */
  readonly heads: HeadSource;
  /** Called after each step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told of every step of a model that it takes part in. */
  readonly onStep?: OnStep | undefined;
  readonly onDecoded?: OnDecoded | undefined;
}

/** Work that names no model may need none. */
export type ModelOf<K extends JobKind> = JobRequest<K>['model'] extends string
  ? Model
  : Model | undefined;

export interface JobType<K extends JobKind> {
  /** @throws FailureError for what is wrong with the request; the signal's reason */
  readonly run: (
    request: JobRequest<K>,
    model: ModelOf<K>,
    options: JobOptions,
  ) => Promise<JobResults[K]>;
  /** What is logged of a request beside its model. */
  readonly entry: (request: JobRequest<K>) => object;
  /** What is logged of a result. */
  readonly usage: (result: JobResults[K]) => object;
  /** What it brings to the gate. @throws FailureError for what is wrong with the request */
  readonly load: (
    request: JobRequest<K>,
    model: ModelOf<K>,
    models: readonly Model[],
  ) => Load | Promise<Load>;
  /** Passes that it does not cost, by what earlier requests have made; none when left out. */
  readonly saved?: (request: JobRequest<K>, model: ModelOf<K>, models: readonly Model[]) => number;
  /** Milliseconds that the caller gives it, counted from its arrival. */
  readonly deadline: (request: JobRequest<K>) => number | undefined;
}
