/** The internal API: health, models, and work. One handler a route, over plain values. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FailureError, PROBLEMS, refusal } from '../../shared/api/problem.ts';
import { isSignedBody, type SignedRequest, verifyInternal } from '../../shared/api/signing.ts';
import { asFailure, describeError, sendFailure, sendJson } from './answers.ts';
import { readBody } from './io.ts';
import { assertServing, type RouteServices } from './services.ts';
import { doJob, JOBS } from './work.ts';

export { describeError } from './answers.ts';

const unauthorized = (): FailureError =>
  refusal('unauthorized', 'the signature is missing, wrong or too old');

/** What the body has to be, by the headers alone. @throws FailureError `unauthorized` */
async function authenticate(
  request: IncomingMessage,
  path: string,
  secret: string,
): Promise<SignedRequest> {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const asked = { method: request.method ?? 'GET', path };
  const signed = await verifyInternal(secret, asked, header, Date.now() / 1000);
  if (!signed) throw unauthorized();
  return signed;
}

/** @throws FailureError `too_large`, and `unauthorized` when it is not the body that was signed */
async function readSigned(request: IncomingMessage, signed: SignedRequest): Promise<string> {
  const body = await readBody(request);
  if (!(await isSignedBody(signed, new TextEncoder().encode(body)))) throw unauthorized();
  return body;
}

/** Answers one request; every error but a broken connection becomes a failure. */
export async function route(
  services: RouteServices,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const method = request.method ?? 'GET';
  const path = new URL(request.url ?? '/', 'http://worker').pathname;
  const allow = (allowed: string): void => {
    if (method === allowed) return;
    response.setHeader('allow', allowed);
    throw refusal('method_not_allowed', `${path} is used with ${allowed}`);
  };
  try {
    if (path === '/v2/health/live') return sendJson(response, 200, { live: true });
    if (path === '/v2/health/ready') {
      const ready = services.isReady() && !services.isStopping();
      return sendJson(response, ready ? 200 : 503, { ready });
    }
    const job = Object.hasOwn(JOBS, path) ? JOBS[path] : undefined;
    if (path !== '/internal/models' && !job) {
      throw refusal('not_found', `there is nothing at ${path}`);
    }
    const body = await readSigned(request, await authenticate(request, path, services.secret));
    if (!job) {
      allow('GET');
      assertServing(services);
      const models = services.models().map((model) => model.description);
      return sendJson(response, 200, { models });
    }
    allow('POST');
    return await doJob(services, request, response, job(body));
  } catch (error) {
    if (response.headersSent || response.destroyed) return;
    const problem = asFailure(error);
    const status = PROBLEMS[problem.code].status;
    services.log({ event: 'refused', method, path, status, code: problem.code });
    if (problem.code === 'internal') services.log({ event: 'error', error: describeError(error) });
    sendFailure(response, problem);
  }
}
