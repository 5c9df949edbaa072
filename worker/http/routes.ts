/** The internal API: health, models, generate. One handler a route, over plain values. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GenerateResponse, Progress } from '../../shared/api/generate.ts';
import { type Failure, FailureError, PROBLEMS } from '../../shared/api/problem.ts';
import { selectModel } from '../../shared/api/validate.ts';
import { verifyInternal, workerGenerateRequestSchema } from '../../shared/api/worker.ts';
import { runGenerate } from '../tasks/generate.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import type { Gate } from './gate.ts';
import { readBody } from './io.ts';
import type { Log } from './log.ts';

export interface RouteServices {
  readonly secret: string;
  readonly gate: Gate;
  readonly log: Log;
  /** Empty until the models are loaded and warm. */
  readonly models: () => readonly ServedModel[];
  readonly isReady: () => boolean;
  readonly isStopping: () => boolean;
  /** Told of a model whose run failed for no fault of the request. */
  readonly onModelFailure: (model: ServedModel) => void;
}

const failure = (code: Failure['code'], detail: string): FailureError =>
  new FailureError({ code, detail });

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Answers a failure with the status its code has. */
export function sendFailure(response: ServerResponse, problem: Failure): void {
  if (problem.retryAfterSeconds !== undefined) {
    response.setHeader('retry-after', String(problem.retryAfterSeconds));
  }
  sendJson(response, PROBLEMS[problem.code].status, problem);
}

/** What a caller is told of an error: its own failure, or no more than that the worker failed. */
export const asFailure = (error: unknown): Failure =>
  error instanceof FailureError
    ? error.failure
    : { code: 'internal', detail: 'the worker failed; its log says more' };

async function authenticate(
  request: IncomingMessage,
  path: string,
  body: string,
  secret: string,
): Promise<void> {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const timestamp = header('x-4m-timestamp');
  const genuine =
    /^\d{1,12}$/.test(timestamp) &&
    (await verifyInternal(
      secret,
      Number(timestamp),
      path,
      body,
      header('x-4m-signature'),
      Date.now() / 1000,
    ));
  if (!genuine) throw failure('unauthorized', 'the signature is missing, wrong or too old');
}

function parseGenerate(body: string) {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw failure('invalid_json', 'the body is not valid JSON');
  }
  const parsed = workerGenerateRequestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    detail: issue.message,
    pointer: `/${issue.path.join('/')}`,
  }));
  throw new FailureError({
    code: 'invalid_request',
    detail: errors[0]?.detail ?? 'the request does not fit its schema',
    errors,
  });
}

/** Aborts when the caller goes away before it has its answer. */
function callerSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the caller has gone'));
  });
  return controller.signal;
}

async function generateRoute(
  services: RouteServices,
  request: IncomingMessage,
  response: ServerResponse,
  body: string,
): Promise<void> {
  const started = performance.now();
  const task = parseGenerate(body);
  const entry = { event: 'generate', request_id: task.request_id, id: task.id, model: task.model };
  const streams = String(request.headers.accept ?? '').includes('text/event-stream');
  const signal = callerSignal(response);
  const milliseconds = (): number => Math.round(performance.now() - started);
  const write = (event: string, data: unknown): void => {
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    }
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  let model: ServedModel | undefined;
  try {
    model = pickModel(services, task.model);
    const leave = await services.gate.enter(signal);
    const waited = milliseconds();
    let result: GenerateResponse;
    try {
      const onProgress = (progress: Progress): void => write('progress', progress);
      result = await runGenerate(task, model, { signal, ...(streams && { onProgress }) });
    } finally {
      leave();
    }
    services.log({ ...entry, status: 200, ...result.usage, milliseconds: milliseconds(), waited });
    if (!streams) return sendJson(response, 200, result);
    write('result', result);
    response.end();
  } catch (error) {
    if (signal.aborted) {
      services.log({ ...entry, status: 'gone', milliseconds: milliseconds() });
      return;
    }
    const problem = asFailure(error);
    services.log({
      ...entry,
      status: PROBLEMS[problem.code].status,
      code: problem.code,
      detail: problem.detail,
      milliseconds: milliseconds(),
      ...(problem.code === 'internal' && { error: describeError(error) }),
    });
    if (problem.code === 'internal' && model) services.onModelFailure(model);
    // A refusal before the first event has its own status; later only an event can tell.
    if (!response.headersSent) return sendFailure(response, problem);
    write('problem', problem);
    response.end();
  }
}

/** An error with the causes behind it, for the log. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by ${describeError(error.cause)}`;
}

/** Half a list of models would be taken for the whole one, so there is none before the worker is ready. */
function assertServing(services: RouteServices): void {
  if (services.isStopping()) throw failure('not_ready', 'the worker is stopping');
  if (!services.isReady()) throw failure('not_ready', 'the models are still being loaded');
}

function pickModel(services: RouteServices, name: string): ServedModel {
  assertServing(services);
  const models = services.models();
  const chosen = selectModel(
    name,
    models.map((model) => model.description),
  );
  if (!chosen.ok) throw new FailureError(chosen.failure);
  return models.find((model) => model.description === chosen.value)!;
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
    throw failure('method_not_allowed', `${path} is used with ${allowed}`);
  };
  try {
    if (path === '/v2/health/live') return sendJson(response, 200, { live: true });
    if (path === '/v2/health/ready') {
      const ready = services.isReady() && !services.isStopping();
      return sendJson(response, ready ? 200 : 503, { ready });
    }
    if (path !== '/internal/models' && path !== '/internal/generate') {
      throw failure('not_found', `there is nothing at ${path}`);
    }
    const body = await readBody(request);
    await authenticate(request, path, body, services.secret);
    if (path === '/internal/models') {
      allow('GET');
      assertServing(services);
      const models = services.models().map((model) => model.description);
      return sendJson(response, 200, { models });
    }
    allow('POST');
    return await generateRoute(services, request, response, body);
  } catch (error) {
    if (response.headersSent || response.destroyed) return;
    const problem = asFailure(error);
    const status = PROBLEMS[problem.code].status;
    services.log({ event: 'refused', method, path, status, code: problem.code });
    if (problem.code === 'internal') services.log({ event: 'error', error: describeError(error) });
    sendFailure(response, problem);
  }
}
