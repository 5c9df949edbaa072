/** Problem codes that several routes answer, by what they are about. */
import type { ProblemCode } from './problem.ts';

/** What is wrong with a body before its fields are looked at. */
export const BODY_PROBLEMS = [
  'invalid_json',
  'invalid_multipart',
  'invalid_request',
  'empty_request',
  'unsupported_media_type',
  'too_large',
  'too_slow',
] as const satisfies ProblemCode[];
/** What may be wrong with a request that says that it is a line of a batch. */
export const LINE_PROBLEMS = ['unauthorized'] as const satisfies ProblemCode[];
/** What may be wrong where kept tokens are asked for or kept. */
export const STORE_PROBLEMS = ['unknown_ref', 'store_unavailable'] as const satisfies ProblemCode[];
/** What is wrong with bytes that are named by an upload or an address. */
export const SOURCE_PROBLEMS = [
  'unknown_upload',
  'upload_waiting',
  'upload_mismatch',
  'url_refused',
  'url_failed',
  'too_large',
  'unsupported_media_type',
] as const satisfies ProblemCode[];
/** What is wrong with values given for modalities. */
export const INPUT_PROBLEMS = [
  'unknown_modality',
  'no_tokenizer',
  ...STORE_PROBLEMS,
  'invalid_image',
  'image_too_large',
  'invalid_input',
  ...SOURCE_PROBLEMS,
] as const satisfies ProblemCode[];
/** What may be wrong with an address that a user names. */
export const ADDRESS_PROBLEMS = [
  'invalid_address',
  'insecure_address',
  'forbidden_address',
] as const satisfies ProblemCode[];
/** What may be wrong where work can become a job. */
export const JOB_PROBLEMS = [
  'no_jobs',
  'attempts_exhausted',
  ...ADDRESS_PROBLEMS,
] as const satisfies ProblemCode[];
export const WORKER_PROBLEMS = [
  'model_not_loaded',
  'licence_refused',
  'overloaded',
  'worker_unavailable',
  'worker_lost',
  'time_limit_exceeded',
] as const satisfies ProblemCode[];
/** What a task may be refused with: what is asked for, looked up in the store, and done by a worker or as a job. */
export const TASK_PROBLEMS = [
  ...BODY_PROBLEMS,
  ...INPUT_PROBLEMS,
  ...WORKER_PROBLEMS,
  ...JOB_PROBLEMS,
  'not_acceptable',
  'deadline_exceeded',
  'not_cached',
] as const satisfies ProblemCode[];
