/**
 * Which worker does what. Workers are asked for their models, and a request goes to one that has its
 * model: the next one when it refuses (full, not ready) or cannot be reached. Only refusals before the
 * work began are retried elsewhere, so nothing is computed twice.
 */

import type * as z from 'zod';
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import { type Progress, progressSchema } from '../../shared/api/generate.ts';
import { type Model, modelsResponseSchema } from '../../shared/api/models.ts';
import type { Failure, Outcome } from '../../shared/api/problem.ts';
import {
  type DetokenizeResponse,
  detokenizeResponseSchema,
  type TokenizeResponse,
  tokenizeResponseSchema,
} from '../../shared/api/tokens.ts';
import {
  type WorkerDetokenizeRequest,
  type WorkerGenerateRequest,
  type WorkerGenerateResponse,
  type WorkerTokenizeRequest,
  workerGenerateResponseSchema,
} from '../../shared/api/worker.ts';
import { readEvents } from '../../shared/sse.ts';
import { callWorker, parseFailure, readFailure, type WorkerLink } from './http.ts';

export interface DispatcherOptions extends WorkerLink {
  readonly workers: readonly string[];
  readonly modelsTtlSeconds: number;
  readonly log: (line: string) => void;
}

export interface DispatchOptions {
  readonly traceparent?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Asks the worker for events, and is called for each decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** Further models that the worker must have. */
  readonly models?: readonly string[];
}

export interface Dispatcher {
  /** Every loaded model, of all workers that answer; `worker_unavailable` when none does. */
  models(): Promise<Outcome<readonly Model[]>>;
  generate(
    request: WorkerGenerateRequest,
    options: DispatchOptions,
  ): Promise<Outcome<WorkerGenerateResponse>>;
  tokenize(
    request: WorkerTokenizeRequest,
    options: DispatchOptions,
  ): Promise<Outcome<TokenizeResponse>>;
  detokenize(
    request: WorkerDetokenizeRequest,
    options: DispatchOptions,
  ): Promise<Outcome<DetokenizeResponse>>;
  /** True when a worker says that it is ready. */
  ready(): Promise<boolean>;
}

interface Listing {
  readonly worker: string;
  readonly models: readonly Model[];
}

const unavailable: Failure = {
  code: 'worker_unavailable',
  detail: 'no worker answers; try again shortly',
  retryAfterSeconds: 5,
};
const refused = <T>(failure: Failure): Outcome<T> => ({ ok: false, failure });
const why = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};

/** One kind of work: where it is asked for, and what a worker answers. */
interface Task<T> {
  readonly path: string;
  readonly schema: z.ZodType<T>;
}

const GENERATE: Task<WorkerGenerateResponse> = {
  path: WORKER_ADDRESSES.generate.path,
  schema: workerGenerateResponseSchema,
};
const TOKENIZE: Task<TokenizeResponse> = {
  path: WORKER_ADDRESSES.tokenize.path,
  schema: tokenizeResponseSchema,
};
const DETOKENIZE: Task<DetokenizeResponse> = {
  path: WORKER_ADDRESSES.detokenize.path,
  schema: detokenizeResponseSchema,
};

async function readResult<T>(response: Response, { schema }: Task<T>): Promise<Outcome<T>> {
  if (!response.ok) return refused(await readFailure(response));
  return { ok: true, value: schema.parse(await response.json()) };
}

async function readStream<T>(
  response: Response,
  { schema }: Task<T>,
  onProgress: (progress: Progress) => void,
): Promise<Outcome<T>> {
  if (!response.ok || !response.body) return refused(await readFailure(response));
  for await (const { event, data } of readEvents(response.body)) {
    const value: unknown = JSON.parse(data);
    if (event === 'progress') onProgress(progressSchema.parse(value));
    if (event === 'problem') return refused(parseFailure(value));
    if (event === 'result') return { ok: true, value: schema.parse(value) };
  }
  return refused({ code: 'internal', detail: 'the worker ended its answer without a result' });
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { workers, log } = options;
  let listed: { readonly at: number; readonly listings: readonly Listing[] } | undefined;
  let turn = 0;

  async function list(worker: string): Promise<Listing[]> {
    try {
      const link = { ...options, timeoutSeconds: Math.min(10, options.timeoutSeconds) };
      const response = await callWorker(
        worker,
        { path: WORKER_ADDRESSES.models.path, accept: 'application/json' },
        link,
      );
      if (!response.ok) {
        log(`worker ${worker} models: ${(await readFailure(response)).detail}`);
        return [];
      }
      return [{ worker, models: modelsResponseSchema.parse(await response.json()).models }];
    } catch (error) {
      log(`worker ${worker} models: ${why(error)}`);
      return [];
    }
  }

  async function listings(): Promise<readonly Listing[]> {
    if (listed && Date.now() - listed.at < options.modelsTtlSeconds * 1000) return listed.listings;
    const found = (await Promise.all(workers.map(list))).flat();
    // An empty answer is not kept: the next request shall see a worker that came up.
    listed = found.length > 0 ? { at: Date.now(), listings: found } : undefined;
    return found;
  }

  /** `mayTryNext` when the worker was not reached or refused before it began. */
  async function attempt<T>(
    worker: string,
    task: Task<T>,
    body: Uint8Array<ArrayBuffer>,
    { traceparent, signal, onProgress }: DispatchOptions,
  ): Promise<{ outcome: Outcome<T>; mayTryNext: boolean }> {
    let response: Response;
    try {
      const accept = onProgress ? 'text/event-stream' : 'application/json';
      const call = { path: task.path, body, accept, traceparent, signal };
      response = await callWorker(worker, call, options);
    } catch (error) {
      log(`worker ${worker} ${task.path}: ${why(error)}`);
      const timedOut = error instanceof DOMException || signal?.aborted === true;
      return { outcome: refused(unavailable), mayTryNext: !timedOut };
    }
    try {
      const outcome = await (onProgress
        ? readStream(response, task, onProgress)
        : readResult(response, task));
      return { outcome, mayTryNext: response.status === 503 };
    } catch (error) {
      // The connection broke, or the answer made no sense, after the work began.
      log(`worker ${worker} ${task.path}: ${why(error)}`);
      return { outcome: refused(unavailable), mayTryNext: false };
    }
  }

  async function dispatch<T>(
    task: Task<T>,
    request: { readonly model: string },
    how: DispatchOptions,
  ): Promise<Outcome<T>> {
    const needed = [request.model, ...(how.models ?? [])];
    const having = (await listings()).filter(({ models }) =>
      needed.every((wanted) => models.some(({ id }) => id === wanted)),
    );
    const start = turn++;
    const body = new TextEncoder().encode(JSON.stringify(request));
    const together = [...new Set(needed)].join(' and ');
    const apart = `no worker that answers has ${together} loaded together; try again shortly`;
    let last: Failure =
      having.length === 0 && needed.length > 1 ? { ...unavailable, detail: apart } : unavailable;
    for (let i = 0; i < having.length; i++) {
      const { worker } = having[(start + i) % having.length]!;
      const { outcome, mayTryNext } = await attempt(worker, task, body, how);
      if (outcome.ok || !mayTryNext) return outcome;
      // A busy worker says more to the caller than one that is gone.
      if (last.code !== 'overloaded') last = outcome.failure;
    }
    // What was believed of the workers may be outdated.
    listed = undefined;
    return refused({ retryAfterSeconds: 5, ...last });
  }

  return {
    async models() {
      const found = await listings();
      if (found.length === 0) return refused(unavailable);
      const byId = new Map<string, Model>();
      for (const { models } of found) {
        for (const model of models) if (!byId.has(model.id)) byId.set(model.id, model);
      }
      return { ok: true, value: [...byId.values()] };
    },

    generate: (request, how) => dispatch(GENERATE, request, how),
    tokenize: (request, how) => dispatch(TOKENIZE, request, how),
    detokenize: (request, how) => dispatch(DETOKENIZE, request, how),

    async ready() {
      const answers = await Promise.all(
        workers.map((worker) =>
          fetch(`${worker}${WORKER_ADDRESSES.ready.path}`, {
            signal: AbortSignal.timeout(5000),
          }).then(
            async (response) => {
              await response.body?.cancel();
              return response.ok;
            },
            () => false,
          ),
        ),
      );
      return answers.includes(true);
    },
  };
}
