/** The kinds of work that a worker does: where each is asked for, and what is answered. */
import type * as z from 'zod';
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import { type ClassifyResponse, classifyResponseSchema } from '../../shared/api/classify.ts';
import type { WorkerCollectionRequest } from '../../shared/api/collectionWork.ts';
import { type EmbedResponse, embedResponseSchema } from '../../shared/api/embed.ts';
import { type Progress, progressSchema } from '../../shared/api/generate.ts';
import type { Outcome } from '../../shared/api/problem.ts';
import {
  type TakeInputRequest,
  type TakenInput,
  takenInputSchema,
} from '../../shared/api/takeInput.ts';
import {
  type DetokenizeResponse,
  detokenizeResponseSchema,
  type TokenizeResponse,
  tokenizeResponseSchema,
} from '../../shared/api/tokens.ts';
import {
  type MadeHead,
  madeHeadSchema,
  type WorkerClassifyRequest,
  type WorkerDetokenizeRequest,
  type WorkerEmbedRequest,
  type WorkerFitHeadRequest,
  type WorkerGenerateRequest,
  type WorkerGenerateResponse,
  type WorkerReadHeadRequest,
  type WorkerTokenizeRequest,
  workerGenerateResponseSchema,
} from '../../shared/api/worker.ts';
import { decodeUtf8, readJson } from '../../shared/json.ts';
import { join } from '../../shared/pause.ts';
import { createEventParser, type ServerSentEvent } from '../../shared/sse.ts';
import { parseFailure, readFailure, type WorkerAnswer } from './http.ts';

/** A kind of work: what is asked with it, and what it is answered by. */
export interface Task<Q, T> {
  /** Never there: it ties the request's type to the task. */
  readonly asks?: Q;
  readonly path: string;
  readonly schema: z.ZodType<T>;
  /** `text/event-stream` where the worker tells its progress. */
  readonly accept: string;
}

export const GENERATE: Task<WorkerGenerateRequest, WorkerGenerateResponse> = {
  path: WORKER_ADDRESSES.generate.path,
  schema: workerGenerateResponseSchema,
  accept: 'text/event-stream',
};
export const EMBED: Task<WorkerEmbedRequest, EmbedResponse> = {
  path: WORKER_ADDRESSES.embed.path,
  schema: embedResponseSchema,
  accept: 'text/event-stream',
};
export const TOKENIZE: Task<WorkerTokenizeRequest, TokenizeResponse> = {
  path: WORKER_ADDRESSES.tokenize.path,
  schema: tokenizeResponseSchema,
  accept: 'application/json',
};
export const DETOKENIZE: Task<WorkerDetokenizeRequest, DetokenizeResponse> = {
  path: WORKER_ADDRESSES.detokenize.path,
  schema: detokenizeResponseSchema,
  accept: 'application/json',
};

/** Work on collections, each operation of which has its own answer. */
export const collectionTask = <T>(schema: z.ZodType<T>): Task<WorkerCollectionRequest, T> => ({
  path: WORKER_ADDRESSES.collections.path,
  schema,
  accept: 'application/json',
});
export const CLASSIFY: Task<WorkerClassifyRequest, ClassifyResponse> = {
  path: WORKER_ADDRESSES.classify.path,
  schema: classifyResponseSchema,
  accept: 'text/event-stream',
};
export const FIT_HEAD: Task<WorkerFitHeadRequest, MadeHead> = {
  path: WORKER_ADDRESSES.fitHead.path,
  schema: madeHeadSchema,
  accept: 'text/event-stream',
};
export const READ_HEAD: Task<WorkerReadHeadRequest, MadeHead> = {
  path: WORKER_ADDRESSES.readHead.path,
  schema: madeHeadSchema,
  accept: 'application/json',
};

export const TAKE_INPUT: Task<TakeInputRequest, TakenInput> = {
  path: WORKER_ADDRESSES.takeInput.path,
  schema: takenInputSchema,
  accept: 'application/json',
};

const LINE_FEED = 10;

/** Pieces that end with a line, and so with a whole character: each is decoded by itself. What ends no line is left out. */
async function* wholeLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [begun, length] = [[] as Uint8Array[], 0];
  for await (const piece of body) {
    const end = piece.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      const last = piece.subarray(0, end);
      yield begun.length > 0 ? await join([...begun, last], length + end) : last;
      [begun, length] = [[], 0];
    }
    if (end === piece.length) continue;
    begun.push(end > 0 ? piece.subarray(end) : piece);
    length += piece.length - end;
  }
}

/**
 * What a worker's answer comes to, as JSON or as events.
 * @throws an error when the connection breaks, or the answer makes no sense
 */
export async function readAnswer<T>(
  response: WorkerAnswer,
  { schema }: Pick<Task<unknown, T>, 'schema'>,
  onProgress: (progress: Progress) => void,
): Promise<Outcome<T>> {
  if (!response.ok || !response.body) {
    return { ok: false, failure: await readFailure(response) };
  }
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    return { ok: true, value: schema.parse(await readJson(await response.text())) };
  }
  let outcome: Outcome<T> | undefined;
  const parser = createEventParser();
  const take = async ({ event, data }: ServerSentEvent): Promise<void> => {
    const value = await readJson(data);
    if (event === 'progress') onProgress(progressSchema.parse(value));
    if (event === 'problem') outcome = { ok: false, failure: parseFailure(value) };
    if (event === 'result') outcome = { ok: true, value: schema.parse(value) };
  };
  try {
    // Who leaves before the end breaks the connection, and the next request has to make another.
    for await (const lines of wholeLines(response.body))
      for (const event of parser.push(await decodeUtf8(lines))) if (!outcome) await take(event);
  } catch (error) {
    // What breaks behind the result takes nothing from it.
    if (!outcome) throw error;
  }
  if (!outcome) throw new Error('the worker ended its answer without a result');
  return outcome;
}
