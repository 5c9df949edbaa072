/**
 * RFC 9457 problems: every error code the API can answer, and the status each one has. Without schemas, so
 * that pages and clients can refuse and read problems without zod.
 */
import { shorten } from './shorten.ts';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
  /** Where others have given the problem a name; our own page otherwise. */
  readonly type?: string;
}

export const PROBLEMS = {
  invalid_json: { status: 400, title: 'The body is not valid JSON', retryable: false },
  invalid_multipart: {
    status: 400,
    title: 'The body is not valid multipart form data',
    retryable: false,
  },
  invalid_request: { status: 400, title: 'The request does not fit its schema', retryable: false },
  empty_request: { status: 400, title: 'The request has no body', retryable: false },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not accepted',
    retryable: false,
  },
  not_acceptable: {
    status: 406,
    title: 'None of the accepted types can be answered',
    retryable: false,
  },
  too_slow: { status: 408, title: 'The body came too slowly', retryable: true },
  too_large: { status: 413, title: 'The request is too large', retryable: false },
  unknown_modality: {
    status: 400,
    title: 'The model has no such input modality',
    retryable: false,
  },
  unknown_target: { status: 400, title: 'The model has no such target modality', retryable: false },
  input_only: { status: 400, title: 'This modality can only be an input', retryable: false },
  no_tokenizer: { status: 400, title: 'The tokenizer this needs is not loaded', retryable: false },
  scheme_mismatch: {
    status: 400,
    title: 'The scheme does not fit the kind of modality',
    retryable: false,
  },
  invalid_target: {
    status: 400,
    title: 'A setting of a target does not fit the model',
    retryable: false,
  },
  invalid_guidance: {
    status: 400,
    title: 'The guidance does not fit the inputs',
    retryable: false,
  },
  unknown_ref: { status: 404, title: 'No tokens are kept under this reference', retryable: false },
  unknown_result: { status: 404, title: 'No such result is stored', retryable: false },
  shared_result: { status: 403, title: 'Results are shared by all tenants', retryable: false },
  deadline_exceeded: {
    status: 504,
    title: 'The request was not done within its deadline',
    retryable: true,
  },
  time_limit_exceeded: {
    status: 504,
    title: 'The request needs more time than the server gives one',
    retryable: false,
  },
  not_cached: { status: 504, title: 'No stored result fits the request', retryable: false },
  invalid_image: { status: 400, title: 'The picture cannot be decoded', retryable: false },
  image_too_large: { status: 413, title: 'The picture has too many pixels', retryable: false },
  invalid_input: {
    status: 400,
    title: 'The input value does not fit its modality',
    retryable: false,
  },
  invalid_vector: {
    status: 400,
    title: 'The vector does not fit the collection',
    retryable: false,
  },
  invalid_metadata: {
    status: 400,
    title: 'The metadata does not fit the collection',
    retryable: false,
  },
  invalid_filter: {
    status: 400,
    title: 'The filter does not fit the collection',
    retryable: false,
  },
  unknown_collection: { status: 404, title: 'There is no such collection', retryable: false },
  unknown_item: { status: 404, title: 'The collection has no such item', retryable: false },
  collection_exists: {
    status: 409,
    title: 'There is a collection of this name already',
    retryable: false,
  },
  no_collections: {
    status: 501,
    title: 'This server keeps no collections',
    retryable: false,
  },
  invalid_examples: {
    status: 400,
    title: 'No head can be fitted to these examples',
    retryable: false,
  },
  invalid_head: { status: 400, title: 'The file is no head', retryable: false },
  head_mismatch: { status: 400, title: 'The head does not fit the model', retryable: false },
  unknown_head: { status: 404, title: 'There is no such head', retryable: false },
  unknown_job: { status: 404, title: 'There is no such job', retryable: false },
  no_jobs: { status: 501, title: 'This server keeps no jobs', retryable: false },
  no_credit: { status: 501, title: 'This server charges nothing', retryable: false },
  unknown_batch: { status: 404, title: 'There is no such batch', retryable: false },
  no_batches: { status: 501, title: 'This server runs no batches', retryable: false },
  too_many_lines: { status: 413, title: 'The batch has too many lines', retryable: false },
  batch_unfinished: { status: 409, title: 'The batch has not ended yet', retryable: true },
  unknown_delivery: { status: 404, title: 'There is no such delivery', retryable: false },
  invalid_address: { status: 400, title: 'The address is no address of the web', retryable: false },
  insecure_address: { status: 400, title: 'The address is not https', retryable: false },
  forbidden_address: {
    status: 400,
    title: 'The address does not lead to the public internet',
    retryable: false,
  },
  attempts_exhausted: {
    status: 500,
    title: 'The job was begun too often without coming to an end',
    retryable: false,
  },
  unknown_upload: { status: 404, title: 'There is no such upload', retryable: false },
  upload_waiting: { status: 409, title: 'The bytes of the upload have not come', retryable: false },
  upload_mismatch: {
    status: 400,
    title: 'The bytes are not those that were announced',
    retryable: false,
  },
  url_refused: { status: 400, title: 'The address may not be fetched', retryable: false },
  url_failed: { status: 424, title: 'The address could not be fetched', retryable: true },
  invalid_link: {
    status: 403,
    title: 'The address was not given by this server',
    retryable: false,
  },
  link_expired: { status: 410, title: 'The address has expired', retryable: false },
  model_not_loaded: { status: 404, title: 'No such model is loaded', retryable: false },
  licence_refused: { status: 403, title: 'The licence does not allow this', retryable: false },
  not_found: { status: 404, title: 'There is nothing at this address', retryable: false },
  method_not_allowed: { status: 405, title: 'The method is not allowed here', retryable: false },
  overloaded: {
    status: 503,
    title: 'All workers are busy',
    retryable: true,
    type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  },
  worker_unavailable: { status: 503, title: 'No worker answers', retryable: true },
  worker_lost: {
    status: 503,
    title: 'The worker ended while it was at the request',
    retryable: true,
  },
  store_unavailable: { status: 503, title: 'The store is out of order', retryable: true },
  not_ready: { status: 503, title: 'The service is not ready', retryable: true },
  payment_required: {
    status: 402,
    title: 'The credit does not cover the price',
    retryable: false,
  },
  unauthorized: { status: 401, title: 'The request is not authenticated', retryable: false },
  quota_exceeded: {
    status: 429,
    title: 'The key or its tenant has used what it may for now',
    retryable: true,
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  },
  idempotency_mismatch: {
    status: 422,
    title: 'Another request was sent with this Idempotency-Key',
    retryable: false,
  },
  idempotency_conflict: {
    status: 409,
    title: 'The first request with this Idempotency-Key is still under way',
    retryable: true,
  },
  forbidden_origin: { status: 403, title: 'Pages of this origin may not call', retryable: false },
  insufficient_scope: { status: 403, title: 'The key does not open this route', retryable: false },
  internal: { status: 500, title: 'The server failed', retryable: true },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** A field that does not fit. */
export interface FieldError {
  readonly detail: string;
  /** JSON pointer (RFC 6901) of the field, such as `/targets/0`. */
  readonly pointer: string;
}

/** The body of a problem response (RFC 9457); `problemSchema.ts` describes each field. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance?: string | undefined;
  code: ProblemCode;
  retryable: boolean;
  request_id: string;
  errors?: FieldError[] | undefined;
  price?: number | undefined;
  balance?: number | undefined;
  currency?: string | undefined;
}

/** A failure on which a caller decides: what went wrong, said once, carried as a value. */
export interface Failure {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** What it would cost and what is left, in millionths of the currency. */
  readonly credit?: {
    readonly price: number;
    readonly balance: number;
    readonly currency: string;
  };
}
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Thrown where a value cannot be returned (deep in decoding); caught at the task or route boundary. */
export class FailureError extends Error {
  override readonly name = 'FailureError';
  readonly failure: Failure;
  constructor(failure: Failure, options?: ErrorOptions) {
    super(`${failure.code}: ${failure.detail}`, options);
    this.failure = failure;
  }
}

/** Field errors of a problem at most, and characters of what it says: an answer stays under 64 kB. */
export const MOST_ERRORS = 16;
const DETAIL_LENGTH = 1000;

export interface RefusalOptions extends ErrorOptions {
  /** When the same request may succeed. */
  readonly retryAfterSeconds?: number;
}

/** A refusal to throw, which names the field it is about where there is one. */
export function refusal(
  code: ProblemCode,
  detail: string,
  pointer?: string,
  { retryAfterSeconds, ...options }: RefusalOptions = {},
): FailureError {
  const failure: Failure = {
    code,
    detail,
    ...(pointer !== undefined && { errors: [{ detail, pointer }] }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
  return new FailureError(failure, options);
}

/** What came out, for whoever passes a failure on. @throws FailureError with the outcome's failure */
export function orThrow<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new FailureError(outcome.failure);
}

/** The body of a problem response for a failure. */
export function toProblem(failure: Failure, requestId: string, instance?: string): Problem {
  const { status, title, retryable, type }: ProblemKind = PROBLEMS[failure.code];
  const errors = failure.errors?.slice(0, MOST_ERRORS);
  return {
    type: type ?? `/docs#${failure.code}`,
    title,
    status,
    detail: shorten(failure.detail, DETAIL_LENGTH),
    ...(instance !== undefined && { instance: shorten(instance, DETAIL_LENGTH) }),
    code: failure.code,
    retryable,
    request_id: requestId,
    ...failure.credit,
    ...(errors && {
      errors: errors.map(({ detail, pointer }) => ({
        detail: shorten(detail, DETAIL_LENGTH),
        pointer: shorten(pointer, DETAIL_LENGTH),
      })),
    }),
  };
}
