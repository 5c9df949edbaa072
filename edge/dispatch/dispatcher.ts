/**
 * Which worker does what. Workers are asked for their models, and a request goes to one that has its
 * model: the next one when it refuses (full, not ready) or cannot be reached. Only refusals before the
 * work began are retried elsewhere, so nothing is computed twice.
 */
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import type { Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Failure, FailureError, type Outcome, refusal } from '../../shared/api/problem.ts';
import type { Tracer } from '../../shared/tracing/tracer.ts';
import { createFiles, type Files } from '../body/files.ts';
import { follow } from '../follow.ts';
import type { EdgeMetrics } from '../metrics.ts';
import { callWorkerBy, errorText, type Send, sendByFetch } from './http.ts';
import {
  createListings,
  type KeepAlive,
  type Listing,
  type ListingOptions,
  rankOf,
} from './listings.ts';
import { readAnswer, type Task } from './tasks.ts';
import { inTurn } from './turn.ts';
import { watchDispatches } from './watch.ts';

export interface DispatcherOptions extends ListingOptions {
  /** The longest that a worker may take for one request. */
  readonly timeoutSeconds: number;
  /** Whether jobs wait in a queue that workers fetch them from when they start. */
  readonly isQueued: boolean;
  /** How work is sent; by `fetch` where the platform has nothing better. */
  readonly send?: Send | undefined;
  /** Absent where nobody watches. */
  readonly metrics?: EdgeMetrics | undefined;
  /** Absent where no traces are told. */
  readonly tracer?: Tracer | undefined;
}

/** Whose work it is, and how urgent: workers share their time out by it. */
export interface WorkTurn {
  readonly priority: 'interactive' | 'batch';
  readonly tenant: string;
  /** Whether he is charged for it: workers serve him no model whose licence stands against that. */
  readonly charged?: boolean;
}

export interface DispatchOptions {
  readonly turn?: WorkTurn | undefined;
  readonly traceparent?: string | undefined;
  /** Aborts when nobody waits any more: the worker then stops. */
  readonly signal: AbortSignal;
  /** Called for each decoding step. */
  readonly onProgress?: (progress: Progress) => void;
  /** What the request names in `data` and `mask`. */
  readonly files?: Files;
  /** Whether a worker that has only the encoder of its models is as good as any. */
  readonly encoderWillDo?: boolean;
  /** Further models that the worker must have. */
  readonly models?: readonly string[];
}

/**
 * Every function throws FailureError: `worker_unavailable` when no worker answers, `overloaded`,
 * `time_limit_exceeded`, and what a worker refuses a request for. An aborted signal's reason is thrown.
 */
export interface Dispatcher {
  /** Every loaded model; those known last when no worker answers. */
  models(keepAlive: KeepAlive): Promise<readonly Model[]>;
  /** Has a worker do a task. */
  run<Q extends { readonly model?: string | undefined }, T>(
    task: Task<Q, T>,
    request: Q,
    options: DispatchOptions,
  ): Promise<T>;
  /** True when a worker says that it is ready. */
  ready(): Promise<boolean>;
}

const unavailable = (detail: string): Failure => ({
  code: 'worker_unavailable',
  detail,
  retryAfterSeconds: 5,
});
const NOBODY = unavailable('no worker answers; try again shortly');
const NOBODY_YET = unavailable(
  'no worker answers, and none has said before which models there are; try again shortly',
);
const JOB_INSTEAD = unavailable(
  'no worker answers; try again shortly, or send Prefer: respond-async for a job that the next worker does',
);

/** The work took longer than a worker is given: to ask again would take as long again. */
const overTime = (seconds: number): FailureError =>
  refusal(
    'time_limit_exceeded',
    `a worker did not finish this within ${seconds} s, the limit of this server ` +
      '(FOURM_WORKER_TIMEOUT_SECONDS), and was told to stop',
  );

/** Once a worker has begun, what ends it would most likely end the next one. */
const LOST: Failure = {
  code: 'worker_lost',
  detail: 'the worker ended, or its answer broke off, while it was at this request',
  retryAfterSeconds: 5,
};
/** Time for what nobody waits for: whoever asks for it has a bound of his own. */
const UNHURRIED_SECONDS = 6 * 3600;

interface Attempt<T> {
  readonly outcome: Outcome<T>;
  /** The worker was not reached, or refused before it began. */
  readonly mayTryNext: boolean;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { workers, secret, timeoutSeconds, log, send = sendByFetch } = options;
  /** Work that has steps can be a job. */
  const nobodyFor = ({ accept }: Pick<Task<unknown, unknown>, 'accept'>): Failure =>
    options.isQueued && accept === 'text/event-stream' ? JOB_INSTEAD : NOBODY;
  const watch = watchDispatches(options);
  const listings = createListings(options);
  let turn = 0;

  /** @throws FailureError `time_limit_exceeded`; the signal's reason */
  async function attempt<T>(
    worker: string,
    task: Task<unknown, T>,
    body: Uint8Array<ArrayBuffer>,
    { traceparent: parent, turn, signal, onProgress = () => {} }: DispatchOptions,
  ): Promise<Attempt<T>> {
    const seconds = turn?.priority === 'batch' ? UNHURRIED_SECONDS : timeoutSeconds;
    const limited = new AbortController();
    const ended = follow(limited, signal);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      limited.abort(new Error(`a worker did not answer within ${seconds} s`));
    }, seconds * 1000);
    const { path, accept } = task;
    const { traceparent, end } = watch(worker, path, parent);
    const call = { path, body, accept, traceparent, signal: limited.signal };
    // Once the worker has answered, the work has begun, and what breaks is not tried again.
    let mayTryNext = true;
    try {
      const response = await callWorkerBy(send, worker, call, secret);
      mayTryNext = response.status === 503;
      const outcome = await readAnswer(response, task, onProgress);
      end(outcome.ok ? 'ok' : mayTryNext ? 'busy' : 'failed');
      return { outcome, mayTryNext };
    } catch (error) {
      end(signal.aborted ? 'gone' : isLate ? 'late' : 'unreachable');
      if (signal.aborted) throw signal.reason;
      log(`worker ${worker} ${path}: ${errorText(error)}`);
      if (isLate) throw overTime(seconds);
      return { outcome: { ok: false, failure: mayTryNext ? nobodyFor(task) : LOST }, mayTryNext };
    } finally {
      clearTimeout(timer);
      ended();
    }
  }

  /**
   * Live workers that have all these models: those first that have them in memory, and of these, each request
   * beginning with another one.
   */
  async function candidates(
    needed: readonly string[],
    encoderWillDo: boolean | undefined,
  ): Promise<Listing[]> {
    const all = (await listings.live()).filter(({ models }) =>
      needed.every((wanted) => models.some(({ id }) => id === wanted)),
    );
    // Where no worker has a model whole, one that has its encoder says best what it cannot do.
    const whole = all.filter(
      ({ models }) => !models.some(({ id, kind }) => needed.includes(id) && kind === 'encoder'),
    );
    const having = encoderWillDo || whole.length === 0 ? all : whole;
    const wait = ({ models }: Listing): number =>
      Math.max(...models.map(({ id, state }) => (needed.includes(id) ? rankOf(state) : 0)));
    return [...inTurn(having, turn++, wait)];
  }

  async function dispatch<Q extends { readonly model?: string | undefined }, T>(
    task: Task<Q, T>,
    request: Q,
    how: DispatchOptions,
  ): Promise<T> {
    // Work without a model is any worker's.
    const needed = [...(request.model === undefined ? [] : [request.model]), ...(how.models ?? [])];
    const having = await candidates(needed, how.encoderWillDo);
    how.signal.throwIfAborted();
    const body = await (how.files ?? createFiles()).fillIn(
      JSON.stringify({ ...request, ...how.turn }),
    );
    const together = [...new Set(needed)].join(' and ');
    const apart = `no worker that answers has ${together} loaded together; try again shortly`;
    const nobody = nobodyFor(task);
    let last: Failure =
      having.length === 0 && needed.length > 1 ? { ...nobody, detail: apart } : nobody;
    for (const { worker } of having) {
      const { outcome, mayTryNext } = await attempt(worker, task, body, how);
      if (outcome.ok) return outcome.value;
      if (!mayTryNext) throw new FailureError(outcome.failure);
      // A busy worker says more to the caller than one that is gone.
      if (last.code !== 'overloaded') last = outcome.failure;
    }
    listings.forget();
    throw new FailureError({ retryAfterSeconds: 5, ...last });
  }

  const isReady = async (worker: string): Promise<boolean> => {
    try {
      const signal = AbortSignal.timeout(5000);
      const response = await fetch(`${worker}${WORKER_ADDRESSES.ready.path}`, { signal });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  };

  return {
    async models(keepAlive) {
      const models = await listings.models(keepAlive);
      if (models.length === 0) throw new FailureError(NOBODY_YET);
      return models;
    },
    run: dispatch,
    ready: async () => (await Promise.all(workers.map(isReady))).includes(true),
  };
}
