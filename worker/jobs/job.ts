/** A job is one piece of work asked of a worker, whoever asks: the edge over HTTP, a queue, a test. */
import type * as z from 'zod';
import { workerCollectionRequestSchema } from '../../shared/api/collectionWork.ts';
import {
  workerClassifyRequestSchema,
  workerDetokenizeRequestSchema,
  workerEmbedRequestSchema,
  workerFitHeadRequestSchema,
  workerGenerateRequestSchema,
  workerReadHeadRequestSchema,
  workerTokenizeRequestSchema,
} from '../../shared/api/worker.ts';

/** Every kind of job, and what is asked with it. */
export const JOB_SCHEMAS = {
  generate: workerGenerateRequestSchema,
  embed: workerEmbedRequestSchema,
  tokenize: workerTokenizeRequestSchema,
  detokenize: workerDetokenizeRequestSchema,
  collections: workerCollectionRequestSchema,
  classify: workerClassifyRequestSchema,
  fitHead: workerFitHeadRequestSchema,
  readHead: workerReadHeadRequestSchema,
} as const;

export type JobKind = keyof typeof JOB_SCHEMAS;
export type JobRequest<K extends JobKind> = z.output<(typeof JOB_SCHEMAS)[K]>;

export interface Job<K extends JobKind = JobKind> {
  readonly kind: K;
  readonly request: JobRequest<K>;
}

export const isJobKind = (name: string): name is JobKind => Object.hasOwn(JOB_SCHEMAS, name);
