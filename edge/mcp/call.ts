/** Calls of routes of this app from within it: a tool does what its route does, with its key, limits, price and problems. */
import { fillPath } from '../../shared/api/addresses.ts';
import type { Progress } from '../../shared/api/generate.ts';
import { type Failure, FailureError, type Problem } from '../../shared/api/problem.ts';
import type { Route } from '../../shared/api/route.ts';
import { readEvents } from '../../shared/sse.ts';
import { type ScannedJson, writeScanned } from '../body/json.ts';
import type { EdgeContext } from '../problems.ts';

/** The app itself. */
export type AskApp = (request: Request, c: EdgeContext) => Response | Promise<Response>;

export interface CallOptions {
  /** What stands in braces in the path. */
  readonly steps?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** The JSON of a `POST`, with names in place of long texts. */
  readonly body?: unknown;
  /** Called for each step, where the route answers events. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}
/** @throws FailureError as the route answers it */
export type CallRoute = (route: Route, options?: CallOptions) => Promise<unknown>;

function failureOf(problem: Problem, headers: Headers): FailureError {
  const { code, detail, errors, price, balance, currency } = problem;
  const seconds = Number(headers.get('retry-after') ?? '');
  const failure: Failure = {
    code,
    detail,
    ...(errors && { errors }),
    ...(price !== undefined &&
      balance !== undefined &&
      currency !== undefined && { credit: { price, balance, currency } }),
    ...(seconds > 0 && { retryAfterSeconds: seconds }),
  };
  return new FailureError(failure);
}

/** The last event, which is the result. @throws FailureError of the event `problem` */
async function resultOf(answer: Response, onProgress: (progress: Progress) => void) {
  if (!answer.body) throw new Error('an answer in events has no body');
  for await (const { event, data } of readEvents(answer.body)) {
    const value: unknown = JSON.parse(data);
    if (event === 'progress') onProgress(value as Progress);
    else if (event === 'problem') throw failureOf(value as Problem, answer.headers);
    else if (event === 'result') return value;
  }
  throw new Error('an answer in events ended without a result');
}

/**
 * @param c the request that a tool is called by
 * @param longTexts of that request, which bodies can name
 * @param signal aborts when nobody waits any more
 */
export function createCalls(
  c: EdgeContext,
  ask: AskApp,
  longTexts: ScannedJson['longTexts'],
  signal: AbortSignal,
): CallRoute {
  return async (route, { steps = {}, query = {}, body, onProgress } = {}) => {
    const url = new URL(fillPath(route.path, steps), c.req.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const authorization = c.req.header('authorization');
    const request = new Request(url, {
      method: route.method,
      headers: {
        accept: onProgress ? 'text/event-stream' : 'application/json',
        'x-request-id': c.get('requestId'),
        traceparent: c.get('traceparent'),
        ...(authorization !== undefined && { authorization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: writeScanned({ value: body, longTexts }) }),
      signal,
    });
    const answer = await ask(request, c);
    if (!answer.ok) throw failureOf((await answer.json()) as Problem, answer.headers);
    return onProgress ? await resultOf(answer, onProgress) : await answer.json();
  };
}
