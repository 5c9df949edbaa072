/** Requests for work: admitted by the gate, stopped when their caller goes, answered whole or as events. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { Progress } from '../../shared/api/generate.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { PROBLEMS, refusal } from '../../shared/api/problem.ts';
import {
  workerDetokenizeRequestSchema,
  workerGenerateRequestSchema,
  workerTokenizeRequestSchema,
} from '../../shared/api/worker.ts';
import { describePlan } from '../../shared/plan/describe.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { withDeadline } from '../tasks/deadline.ts';
import { runGenerate } from '../tasks/generate.ts';
import type { ServedModel } from '../tasks/servedModel.ts';
import { runDetokenize, runTokenize } from '../tasks/tokens.ts';
import { asFailure, describeError, sendFailure, sendJson } from './answers.ts';
import { pickModel, type RouteServices } from './services.ts';

interface RunOptions {
  readonly signal: AbortSignal;
  readonly models: readonly ServedModel[];
  readonly onProgress?: (progress: Progress) => void;
}

/** A request that was read: what is logged of it, and how it is done. */
interface Job {
  readonly entry: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly deadline?: number | undefined;
  readonly run: (model: ServedModel, options: RunOptions) => Promise<object>;
  /** What is logged of a result. */
  readonly usage: (result: object) => object;
}

function parse<T>(schema: z.ZodType<T>, body: string): T {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw refusal('invalid_json', 'the body is not valid JSON');
  }
  return parseBody(schema, json);
}

function generateJob(body: string): Job {
  const task = parse(workerGenerateRequestSchema, body);
  const { request_id, id, model, request } = task;
  return {
    entry: { event: 'generate', request_id, id, model },
    model,
    deadline: request.deadline_ms,
    run: async (served, options) => {
      if (!request.dry_run) return await runGenerate(task, served, options);
      const models = options.models.map(({ description }) => description);
      const reused = task.known?.length ?? 0;
      const plan = planRequest(request, served.description, models);
      return describePlan(plan, { ...task, reused });
    },
    usage: (result) => ('usage' in result ? (result.usage as object) : {}),
  };
}

function tokenizeJob(body: string): Job {
  const { request_id, model, request } = parse(workerTokenizeRequestSchema, body);
  return {
    entry: { event: 'tokenize', request_id, model },
    model,
    run: (served) => runTokenize(request, served),
    usage: () => ({}),
  };
}

function detokenizeJob(body: string): Job {
  const { request_id, model, request } = parse(workerDetokenizeRequestSchema, body);
  return {
    entry: { event: 'detokenize', request_id, model },
    model,
    run: (served, { signal }) => runDetokenize(request, served, signal),
    usage: () => ({}),
  };
}

/** Internal address -> how its body is read. */
export const JOBS: Readonly<Record<string, (body: string) => Job>> = {
  '/internal/generate': generateJob,
  '/internal/tokenize': tokenizeJob,
  '/internal/detokenize': detokenizeJob,
};

/** Aborts when the caller goes away before it has its answer. */
function callerSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the caller has gone'));
  });
  return controller.signal;
}

/** Does one job. @throws FailureError when its body cannot be read; all else is answered */
export async function doJob(
  services: RouteServices,
  request: IncomingMessage,
  response: ServerResponse,
  job: Job,
): Promise<void> {
  const started = performance.now();
  const { entry } = job;
  const streams = String(request.headers.accept ?? '').includes('text/event-stream');
  const caller = callerSignal(response);
  // The time in the queue counts as well.
  const deadline = withDeadline(job.deadline, caller);
  const signal = deadline.signal ?? caller;
  const milliseconds = (): number => Math.round(performance.now() - started);
  const write = (event: string, data: unknown): void => {
    if (!response.headersSent) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    }
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  let model: ServedModel | undefined;
  try {
    model = pickModel(services, job.model);
    const leave = await services.gate.enter(signal);
    const waited = milliseconds();
    let result: object;
    try {
      const onProgress = (progress: Progress): void => write('progress', progress);
      const models = services.models();
      result = await job.run(model, { signal, models, ...(streams && { onProgress }) });
    } finally {
      leave();
    }
    const usage = job.usage(result);
    services.log({ ...entry, status: 200, ...usage, milliseconds: milliseconds(), waited });
    if (!streams) return sendJson(response, 200, result);
    write('result', result);
    response.end();
  } catch (error) {
    if (caller.aborted) {
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
  } finally {
    deadline.clear();
  }
}
