/** The internal API: health, models, and jobs. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import type { Nonces } from '../../shared/api/nonces.ts';
import { type FailureError, PROBLEMS, refusal } from '../../shared/api/problem.ts';
import { isSignedBody, type SignedRequest, verifyInternal } from '../../shared/api/signing.ts';
import type { Exposition } from '../../shared/metrics/prometheus.ts';
import { traceIdOf } from '../../shared/tracing/traceparent.ts';
import type { Consumer } from '../consumer/consumer.ts';
import { isJobKind, type JobKind } from '../jobs/job.ts';
import { describeError } from '../log.ts';
import { asFailure } from '../service/runJob.ts';
import { assertServing, type JobServices } from '../service/services.ts';
import type { TakeInput } from '../sources/takeInput.ts';
import type { Deliverer } from '../webhooks/deliverer.ts';
import { sendFailure, sendJson, sendMetrics } from './answers.ts';
import { answerInput } from './inputs.ts';
import { readBody } from './io.ts';
import { answerJobs } from './jobs.ts';
import { workerStatus } from './status.ts';
import { answerJob, callerSignal } from './work.ts';

export interface RouteServices extends JobServices {
  /** Shared with the edge; signs every internal request. */
  readonly secret: string;
  /** Of the requests that were taken. */
  readonly nonces: Nonces;
  /** Absent where metrics are told elsewhere, or to nobody. */
  readonly exposition?: Exposition | undefined;
  /** Absent where the worker has no store that it shares with an edge. */
  readonly consumer?: Consumer | undefined;
  /** Takes in bytes that requests name. */
  readonly takeInput?: TakeInput | undefined;
  /** Absent as the consumer is. */
  readonly deliverer?: Deliverer | undefined;
}

const MEBIBYTE = 1024 * 1024;

/** Of what an edge tells of a job, which is no more than its name. */
const JOB_NAME_BYTES = 4096;
/** Of what an edge asks of bytes that lie elsewhere: an address at most. */
const INPUT_NAME_BYTES = 16_384;

/** Bytes of a body at most: files come in base64, tokens as numbers. */
const BODY_BYTES: Readonly<Record<JobKind, number>> = {
  generate: 64 * MEBIBYTE,
  embed: 64 * MEBIBYTE,
  tokenize: 64 * MEBIBYTE,
  detokenize: 4 * MEBIBYTE,
  collections: 64 * MEBIBYTE,
  classify: 64 * MEBIBYTE,
  fitHead: 64 * MEBIBYTE,
  readHead: 64 * MEBIBYTE,
};

const unauthorized = (): FailureError =>
  refusal('unauthorized', 'the signature is missing, wrong, too old, or was used before');

/** What the body has to be, by the headers alone. @throws FailureError `unauthorized` */
async function authenticate(
  request: IncomingMessage,
  path: string,
  { secret, nonces }: Pick<RouteServices, 'secret' | 'nonces'>,
): Promise<SignedRequest> {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const asked = { method: request.method ?? 'GET', path };
  const signed = await verifyInternal(secret, asked, header, Date.now() / 1000, nonces);
  if (!signed) throw unauthorized();
  return signed;
}

/** The body that was signed. @throws FailureError `too_large`, `unauthorized`; as `readBody` */
async function readSigned(
  request: IncomingMessage,
  signed: SignedRequest,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { contentLength } = signed;
  if (contentLength > limit) {
    throw refusal(
      'too_large',
      `the body has ${contentLength} bytes; at most ${limit} are read here`,
    );
  }
  const body = await readBody(request, contentLength);
  if (!(await isSignedBody(signed, body))) throw unauthorized();
  return body;
}

function allow(response: ServerResponse, path: string, method: string, allowed: string): void {
  if (method === allowed) return;
  response.setHeader('allow', allowed);
  throw refusal('method_not_allowed', `${path} is used with ${allowed}`);
}

/** Answers one request; every error but a broken connection becomes a failure. */
export async function route(
  services: RouteServices,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrived = performance.now();
  const method = request.method ?? 'GET';
  const path = new URL(request.url ?? '/', 'http://worker').pathname;
  const traceparent = request.headers.traceparent?.toString();
  try {
    if (path === WORKER_ADDRESSES.live.path) return sendJson(response, 200, { live: true });
    if (path === WORKER_ADDRESSES.ready.path) {
      const ready = services.registry.isReady() && !services.isStopping();
      return sendJson(response, ready ? 200 : 503, { ready });
    }
    if (path === WORKER_ADDRESSES.metrics.path && services.exposition)
      return await sendMetrics(response, services.exposition);
    const [name = ''] = Object.entries(WORKER_ADDRESSES).find(([, own]) => own.path === path) ?? [];
    const kind = isJobKind(name) ? name : undefined;
    const isOfJobs = name === 'jobs';
    const isOfInputs = name === 'takeInput';
    const isAsked = kind !== undefined || isOfJobs || isOfInputs;
    if (name !== 'models' && name !== 'status' && !isAsked)
      throw refusal('not_found', `there is nothing at ${path}`);
    const signed = await authenticate(request, path, services);
    allow(response, path, method, isAsked ? 'POST' : 'GET');
    if (name === 'status') return sendJson(response, 200, workerStatus(services));
    assertServing(services);
    if (isOfJobs) {
      const gone = callerSignal(response);
      const body = await readSigned(request, signed, JOB_NAME_BYTES);
      return await answerJobs(services, response, body, gone);
    }
    if (isOfInputs) {
      const gone = callerSignal(response);
      const body = await readSigned(request, signed, INPUT_NAME_BYTES);
      return await answerInput(services, response, body, gone);
    }
    if (!kind) {
      return sendJson(response, 200, { models: services.registry.listing() });
    }
    const signal = callerSignal(response);
    const body = await readSigned(request, signed, BODY_BYTES[kind]);
    const streams = String(request.headers.accept ?? '').includes('text/event-stream');
    return await answerJob(services, request, response, {
      ...{ kind, body, signal, arrived, streams, traceparent },
    });
  } catch (error) {
    if (response.headersSent || response.destroyed) return;
    const problem = asFailure(error);
    const status = PROBLEMS[problem.code].status;
    const traceId = traceIdOf(traceparent);
    const names = traceId === undefined ? {} : { trace_id: traceId };
    // What a stranger asks for is his own writing; what is one of ours is not.
    const isOurs = Object.values(WORKER_ADDRESSES).some((own) => own.path === path);
    const asked = isOurs ? { path } : {};
    services.log({ event: 'refused', ...names, ...asked, status, code: problem.code });
    if (problem.code === 'internal')
      services.log({ event: 'error', ...names, error: describeError(error) });
    sendFailure(request, response, problem);
  }
}
