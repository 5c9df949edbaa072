/**
 * The client of the public API, for browsers, Workers and Node. It takes its types from `shared/api` and
 * does not validate answers a second time, which keeps zod out of the caller's bundle.
 */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { EmbedDryRun, EmbedRequestBody, EmbedResponse } from '../api/embed.ts';
import type { DryRunResponse, GenerateRequestBody, GenerateResponse } from '../api/generate.ts';
import type { ModalitiesResponse, ModelResponse, ModelsResponse } from '../api/models.ts';
import type {
  DetokenizeRequestBody,
  DetokenizeResponse,
  KeptTokens,
  TokenizeRequestBody,
  TokenizeResponse,
} from '../api/tokens.ts';
import type { UsageResponse } from '../api/usage.ts';
import { type BatchMethods, batchMethods, queryOf } from './batches.ts';
import type { Address, Call, CallOptions, Open, OpenOptions } from './call.ts';
import { type CollectionMethods, collectionMethods } from './collections.ts';
import {
  computations,
  type GenerateOptions,
  type StreamEvent,
  type StreamOptions,
} from './compute.ts';
import type { WithFiles } from './files.ts';
import { type HeadMethods, headMethods } from './heads.ts';
import { type JobMethods, jobMethods } from './jobs.ts';
import { createRequests, type RequestOptions, readBlob } from './requests.ts';
import { createTransport, readJson, type TransportOptions } from './transport.ts';
import { type UploadMethods, uploadMethods } from './uploads.ts';
import { type WebhookMethods, webhookMethods } from './webhooks.ts';

export { createEventParser, readEvents, type ServerSentEvent } from '../sse.ts';
export type { BatchMethods, BatchRequest } from './batches.ts';
export type { CallOptions } from './call.ts';
export type { GenerateOptions, StreamEvent, StreamOptions } from './compute.ts';
export { AbortError, ConnectionError, TimeoutError } from './failures.ts';
export type { FileInput, WithFiles } from './files.ts';
export type { JobEvent, JobHandle, JobMethods, JobTasks } from './jobs.ts';
export { ProblemError } from './problem.ts';
export { type Provenance, type ProvenanceModel, provenanceOf } from './provenance.ts';
export type { UploadMethods, UploadOptions } from './uploads.ts';
export {
  type HeadersLike,
  type VerifyOptions,
  verifyWebhook,
  WebhookError,
  type WebhookMethods,
} from './webhooks.ts';

export interface ClientOptions extends TransportOptions, RequestOptions {}

export interface GenerateFileOptions extends CallOptions {
  /** A picture when left out. */
  readonly type?: 'image/png' | 'text/plain' | 'application/x-npy';
  /** Called with the headers of the answer: `provenanceOf` reads where the bytes come from. */
  readonly onHeaders?: (headers: Headers) => void;
}

export interface UsageQuery {
  /** The first and the last day, such as 2026-01-31; the last 30 days when left out. */
  readonly from?: string;
  readonly to?: string;
  /** By day when left out. */
  readonly groupBy?: readonly ('day' | 'key' | 'task' | 'model')[];
}

export interface Client extends CollectionMethods, HeadMethods, UploadMethods {
  /**
   * `POST /v1/generate`
   * @throws ProblemError as the server answers; ConnectionError or TimeoutError where it does not; AbortError
   */
  generate(
    request: WithFiles<GenerateRequestBody>,
    options?: GenerateOptions,
  ): Promise<GenerateResponse>;
  /** `POST /v1/generate`: its progress, then its result. @throws as `generate` */
  generateStream(
    request: WithFiles<GenerateRequestBody>,
    options?: StreamOptions,
  ): AsyncGenerator<StreamEvent<GenerateResponse>, void, undefined>;
  /** `POST /v1/generate` with one target and one sample: the bytes of its output. @throws as `generate` */
  generateFile(
    request: WithFiles<GenerateRequestBody>,
    options?: GenerateFileOptions,
  ): Promise<Blob>;
  /** `POST /v1/generate` with `dry_run`: the plan, and what it costs. @throws as `generate` */
  dryRun(request: WithFiles<GenerateRequestBody>, options?: CallOptions): Promise<DryRunResponse>;
  /** `POST /v1/embed`: vectors of items. @throws as `generate` */
  embed(request: WithFiles<EmbedRequestBody>, options?: GenerateOptions): Promise<EmbedResponse>;
  /** `POST /v1/embed` with `dry_run`: what it costs. @throws as `generate` */
  embedDryRun(request: WithFiles<EmbedRequestBody>, options?: CallOptions): Promise<EmbedDryRun>;
  /** `POST /v1/tokenize`. @throws as `generate` */
  tokenize(
    request: WithFiles<TokenizeRequestBody>,
    options?: CallOptions,
  ): Promise<TokenizeResponse>;
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
  /** `GET /v1/usage`: what was charged, and what the credit has left. @throws as `generate` */
  usage(query?: UsageQuery, options?: CallOptions): Promise<UsageResponse>;
  /** `GET /v1/models`. @throws as `generate` */
  models(options?: CallOptions): Promise<ModelsResponse>;
  /** `GET /v1/models/{id}`. @throws as `generate` */
  model(id: string, options?: CallOptions): Promise<ModelResponse>;
  /** `GET /v1/modalities`. @throws as `generate` */
  modalities(options?: CallOptions): Promise<ModalitiesResponse>;
}

/** A client of one server. */
export function createClient(options: ClientOptions): Client {
  const send = createTransport(options);
  const begin = createRequests(options, send, (bytes, own) => uploads.upload(bytes, own));
  const open: Open = (address, given = {}) => begin(address, given, (response) => response);
  const call: Call = <T>(address: Address, given?: OpenOptions, body?: unknown) =>
    begin<T>(address, { ...given, body }, readJson);
  const { compute, stream } = computations(call, open);
  const uploads = uploadMethods(call, send);
  const A = ADDRESSES;
  return {
    generate: (request, given) => compute(A.generate.path, request, given),
    generateStream: (request, given) => stream(A.generate.path, request, given),
    generateFile: (request, { type = 'image/png', ...given } = {}) =>
      begin(A.generate, { ...given, headers: { accept: type }, body: request }, readBlob),
    embed: (request, given) => compute(A.embed.path, request, given),
    embedDryRun: (request, given) => call(A.embed, given, { ...request, dry_run: true }),
    dryRun: (request, given) => call(A.generate, given, { ...request, dry_run: true }),
    tokenize: (request, given) => call(A.tokenize, given, request),
    detokenize: (request, given) => call(A.detokenize, given, request),
    tokens: (ref, given) => call({ method: 'GET', path: fillPath(A.tokens.path, { ref }) }, given),
    deleteResult: (id, given) =>
      call({ method: 'DELETE', path: fillPath(A.deleteResult.path, { id }) }, given),
    usage: ({ from, to, groupBy } = {}, given) =>
      call(
        {
          method: 'GET',
          path: A.usage.path + queryOf({ from, to, group_by: groupBy?.join(',') }),
        },
        given,
      ),
    models: (given) => call(A.models, given),
    model: (id, given) => call({ method: 'GET', path: fillPath(A.model.path, { id }) }, given),
    modalities: (given) => call(A.modalities, given),
    ...collectionMethods(call),
    ...headMethods(call, compute),
    ...uploads,
    jobs: jobMethods(call, open),
    batches: batchMethods(call, open),
    webhooks: webhookMethods(call),
  };
}
