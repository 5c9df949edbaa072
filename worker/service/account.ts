/** What is told of a request while it goes on: lines of the log, metrics, and spans of its trace. */
import { type Failure, PROBLEMS } from '../../shared/api/problem.ts';
import { traceIdOf } from '../../shared/tracing/traceparent.ts';
import { NO_TRACER, type Span, unixTime } from '../../shared/tracing/tracer.ts';
import type { OnStep, Step } from '../batching/step.ts';
import { describeError, type Log } from '../log.ts';
import { UNWATCHED } from '../metrics.ts';
import type { OnDecoded } from '../tasks/decoding.ts';
import { countRequest, countUsage } from './count.ts';
import type { JobServices } from './services.ts';

export interface Accounted {
  readonly kind: string;
  readonly requestId: string;
  /** The model's name, where it has one. */
  readonly model: string | undefined;
  /** What else each of its lines says. */
  readonly entry: object;
  /** When it arrived, by `performance.now()`. */
  readonly arrived: number;
  /** The span that it belongs to. */
  readonly traceparent: string | undefined;
  /** Whether it comes from a queue, and not from a caller who waits. */
  readonly isQueued: boolean;
}

export interface Account {
  /** Lines of the request, which all name it. */
  readonly log: Log;
  /** It has a slot. */
  readonly admitted: (priority: string) => void;
  /** A step of a model has ended in which it took part; undefined where nobody listens. */
  readonly onStep: OnStep | undefined;
  readonly onDecoded: OnDecoded;
  /** It waits for a model that is not in memory. @returns what tells that it is there, or has failed */
  readonly loads: (model: string) => (code?: string) => void;
  readonly done: (model: string | undefined, usage: object, saved: number) => void;
  readonly failed: (failure: Failure, error: unknown) => void;
  /** Nobody waits for it any more. */
  readonly gone: () => void;
}

/** Steps of a request that its trace tells; a long one has many, and the last tell no more than the first. */
const MOST_STEPS = 1000;

export function openAccount(
  { log, metrics = UNWATCHED, tracer = NO_TRACER }: JobServices,
  { kind, requestId, model: name, entry, arrived, traceparent: parent, isQueued }: Accounted,
): Account {
  const traceId = traceIdOf(parent);
  const names = { request_id: requestId, ...(traceId !== undefined && { trace_id: traceId }) };
  const span = tracer.start({
    name: kind,
    kind: isQueued ? 'consumer' : 'server',
    parent,
    started: unixTime(arrived),
    attributes: { 'request.id': requestId, ...(name !== undefined && { 'fourm.model': name }) },
  });
  const within = (child: string, started: number, attributes = {}): Span =>
    tracer.start({ name: child, parent: span.traceparent, started: unixTime(started), attributes });
  const elapsed = (): number => Math.round(performance.now() - arrived);
  let waited: number | undefined;
  let steps = 0;

  function tellStep({ kind: step, rows, tokens, requests, started, ended }: Step): void {
    if (++steps > MOST_STEPS) return;
    const attributes = { 'fourm.rows': rows, 'fourm.tokens': tokens, 'fourm.requests': requests };
    within(`step ${step}`, started, attributes).end(unixTime(ended));
  }

  function end(status: number | 'gone', said: object): void {
    const milliseconds = elapsed();
    countRequest(metrics, { kind, status, milliseconds });
    log({ event: kind, ...names, model: name, ...entry, status, ...said, milliseconds, waited });
    span.set({ 'http.response.status_code': status === 'gone' ? 499 : status });
    if (steps > 0) span.set({ 'fourm.steps': steps });
    span.end();
  }

  return {
    log: (more) => log({ ...names, ...more }),
    admitted(priority) {
      waited = elapsed();
      metrics.observe('queueWait', { priority }, waited / 1000);
      if (span.isRecorded) within('queue', arrived).end();
    },
    onStep: span.isRecorded ? tellStep : undefined,
    onDecoded({ model, modality, samples, started, ended }) {
      metrics.observe('decodeSeconds', { model, modality }, (ended - started) / 1000);
      if (!span.isRecorded) return;
      const attributes = { 'fourm.model': model, 'fourm.samples': samples };
      within(`decode ${modality}`, started, attributes).end(unixTime(ended));
    },
    loads(model) {
      const loading = within('load model', performance.now(), { 'fourm.model': model });
      return (code) => {
        if (code !== undefined) loading.fail(code);
        loading.end();
      };
    },
    done(model, usage, saved) {
      if (model !== undefined) countUsage(metrics, model, { usage, saved });
      end(200, usage);
    },
    failed({ code, detail }, error) {
      const { status } = PROBLEMS[code];
      span.set({ 'fourm.code': code });
      // What is wrong with a request is said in its caller's own words, which are not for the log.
      const isOurs = status >= 500;
      if (isOurs) span.fail(code);
      end(status, {
        code,
        ...(isOurs && { detail }),
        ...(code === 'internal' && { error: describeError(error) }),
      });
    },
    gone() {
      span.fail('gone');
      end('gone', {});
    },
  };
}
