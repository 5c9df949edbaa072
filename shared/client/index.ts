/**
 * The client of the public API, for browsers, Workers and Node. It takes its types from `shared/api` and
 * does not validate answers a second time, which keeps zod out of the caller's bundle.
 */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { EmbedDryRun, EmbedRequestBody, EmbedResponse } from '../api/embed.ts';
import type {
  DryRunResponse,
  GenerateRequestBody,
  GenerateResponse,
  Progress,
} from '../api/generate.ts';
import type { ModalitiesResponse, ModelsResponse } from '../api/models.ts';
import type {
  DetokenizeRequestBody,
  DetokenizeResponse,
  KeptTokens,
  TokenizeRequestBody,
  TokenizeResponse,
} from '../api/tokens.ts';
import { readEvents } from '../sse.ts';
import { type BatchMethods, batchMethods } from './batches.ts';
import type { Address, Call, CallOptions, Open } from './call.ts';
import { type CollectionMethods, collectionMethods } from './collections.ts';
import { type HeadMethods, headMethods } from './heads.ts';
import { type JobMethods, jobMethods } from './jobs.ts';
import { ProblemError, problemFrom } from './problem.ts';
import { type UploadMethods, uploadMethods } from './uploads.ts';
import { type WebhookMethods, webhookMethods } from './webhooks.ts';

export { createEventParser, readEvents, type ServerSentEvent } from '../sse.ts';
export type { BatchMethods, BatchRequest } from './batches.ts';
export type { CallOptions } from './call.ts';
export type { JobEvent, JobHandle, JobMethods, JobTasks } from './jobs.ts';
export { ProblemError } from './problem.ts';
export type { UploadMethods, UploadOptions } from './uploads.ts';
export {
  type HeadersLike,
  type VerifyOptions,
  verifyWebhook,
  WebhookError,
  type WebhookMethods,
} from './webhooks.ts';

export interface ClientOptions {
  /** Such as `https://4m.example.com`; empty for the page's own origin. */
  readonly baseUrl: string;
  /** Sent with every request to the server, where it asks for keys; a function is asked each time. */
  readonly apiKey?: string | (() => string | undefined);
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
}

export interface GenerateOptions {
  readonly signal?: AbortSignal;
  /** Asks for server-sent events and is called for every decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** True for every file within the answer, false for links alone; large files are links when left out. */
  readonly inline?: boolean;
  /** Called with the headers of the answer, such as `cache-status` and `x-request-id`. */
  readonly onHeaders?: (headers: Headers) => void;
}

export interface Client extends CollectionMethods, HeadMethods, UploadMethods {
  /** `POST /v1/generate`. @throws ProblemError, or what `fetch` throws (no connection, aborted) */
  generate(request: GenerateRequestBody, options?: GenerateOptions): Promise<GenerateResponse>;
  /** `POST /v1/generate` with `dry_run`: the plan, and what it costs. @throws as `generate` */
  dryRun(request: GenerateRequestBody, options?: CallOptions): Promise<DryRunResponse>;
  /** `POST /v1/embed`: vectors of items. @throws as `generate` */
  embed(request: EmbedRequestBody, options?: GenerateOptions): Promise<EmbedResponse>;
  /** `POST /v1/embed` with `dry_run`: what it costs. @throws as `generate` */
  embedDryRun(request: EmbedRequestBody, options?: CallOptions): Promise<EmbedDryRun>;
  /** `POST /v1/tokenize`. @throws as `generate` */
  tokenize(request: TokenizeRequestBody, options?: CallOptions): Promise<TokenizeResponse>;
  /** `POST /v1/detokenize`. @throws as `generate` */
  detokenize(request: DetokenizeRequestBody, options?: CallOptions): Promise<DetokenizeResponse>;
  /** `GET /v1/tokens/{ref}`. @throws as `generate` */
  tokens(ref: string, options?: CallOptions): Promise<KeptTokens>;
  /** Jobs: work that goes on whether or not anybody waits for it. */
  readonly jobs: JobMethods;
  /** Batches: many requests in one file. */
  readonly batches: BatchMethods;
  /** Being told of jobs. */
  readonly webhooks: WebhookMethods;
  /** `DELETE /v1/results/{id}`: the stored result is forgotten. @throws as `generate` */
  deleteResult(id: string, options?: CallOptions): Promise<{ readonly deleted: true }>;
  /** `GET /v1/models`. @throws as `generate` */
  models(options?: CallOptions): Promise<ModelsResponse>;
  /** `GET /v1/modalities`. @throws as `generate` */
  modalities(options?: CallOptions): Promise<ModalitiesResponse>;
}

const isJson = (response: Response): boolean =>
  /^application\/([\w.-]+\+)?json\b/.test(response.headers.get('content-type') ?? '');

async function throwIfProblem(response: Response): Promise<void> {
  if (response.ok) return;
  const text = await response.text();
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // A proxy's HTML page or an empty body; the status says enough.
  }
  throw new ProblemError(
    problemFrom(answer, response.status, `HTTP ${response.status} ${response.statusText}`.trim()),
  );
}

async function readResult<T>(
  response: Response,
  onProgress: (progress: Progress) => void,
): Promise<T> {
  if (response.body) {
    for await (const { event, data } of readEvents(response.body)) {
      if (event === 'progress') onProgress(JSON.parse(data) as Progress);
      if (event === 'result') return JSON.parse(data) as T;
      if (event === 'problem')
        throw new ProblemError(problemFrom(JSON.parse(data), 500, 'The server failed'));
    }
  }
  throw new ProblemError(problemFrom(undefined, 502, 'The answer ended before its result'));
}

/** A client of one server. */
export function createClient(options: ClientOptions): Client {
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  // Wrapped, because browsers refuse a `fetch` that is called as a method of another object.
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));

  const authorization = (): { authorization?: string } => {
    const { apiKey } = options;
    const key = typeof apiKey === 'function' ? apiKey() : apiKey;
    return key ? { authorization: `Bearer ${key}` } : {};
  };

  const open: Open = async ({ method, path }, { signal, headers, body } = {}) => {
    // A file goes as it is.
    const isForm = body instanceof FormData;
    const isFile = isForm || body instanceof Blob || body instanceof ArrayBuffer;
    const type = isFile ? 'application/octet-stream' : 'application/json';
    const response = await send(baseUrl + path, {
      ...(method !== 'GET' && { method }),
      headers: {
        accept: 'application/json',
        ...authorization(),
        // The type of a form has its boundary, which `fetch` chooses.
        ...(body !== undefined && !isForm && { 'content-type': type }),
        ...headers,
      },
      ...(body !== undefined && { body: isFile ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    await throwIfProblem(response);
    return response;
  };

  const call: Call = async <T>(address: Address, options: CallOptions = {}, body?: unknown) =>
    (await (await open(address, { ...options, body })).json()) as T;

  /** What a computation comes to, with its progress where that is asked for. */
  const compute = async <T>(
    path: string,
    request: unknown,
    { signal, onProgress, onHeaders, inline }: GenerateOptions = {},
  ): Promise<T> => {
    const query = inline === undefined ? '' : `?inline=${inline}`;
    const response = await send(baseUrl + path + query, {
      method: 'POST',
      headers: {
        ...authorization(),
        'content-type': 'application/json',
        accept: onProgress ? 'text/event-stream' : 'application/json',
      },
      body: JSON.stringify(request),
      ...(signal && { signal }),
    });
    onHeaders?.(response.headers);
    await throwIfProblem(response);
    // A stored result may be answered as JSON even where events were asked for.
    return onProgress && !isJson(response)
      ? await readResult<T>(response, onProgress)
      : ((await response.json()) as T);
  };

  return {
    generate: (request, options) => compute(ADDRESSES.generate.path, request, options),
    embed: (request, options) => compute(ADDRESSES.embed.path, request, options),
    embedDryRun: (request, options) =>
      call(ADDRESSES.embed, options, { ...request, dry_run: true }),
    dryRun: (request, options) => call(ADDRESSES.generate, options, { ...request, dry_run: true }),
    tokenize: (request, options) => call(ADDRESSES.tokenize, options, request),
    detokenize: (request, options) => call(ADDRESSES.detokenize, options, request),
    tokens: (ref, options) =>
      call({ method: 'GET', path: fillPath(ADDRESSES.tokens.path, { ref }) }, options),
    deleteResult: (id, options) =>
      call({ method: 'DELETE', path: fillPath(ADDRESSES.deleteResult.path, { id }) }, options),
    models: (options) => call(ADDRESSES.models, options),
    modalities: (options) => call(ADDRESSES.modalities, options),
    ...collectionMethods(call, open),
    ...headMethods(call, compute),
    ...uploadMethods(call, send, throwIfProblem),
    jobs: jobMethods(call, open),
    batches: batchMethods(call, open),
    webhooks: webhookMethods(call),
  };
}
