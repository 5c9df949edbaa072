/** The route of a task: read what is wanted, find or compute it, answer it. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { Computed } from '../../shared/results/results.ts';
import { toldComputed } from '../../shared/results/told.ts';
import { startDeadline } from '../deadline.ts';
import { follow } from '../follow.ts';
import { sayBefore } from '../headers.ts';
import { readPrefer } from '../jobs/prefer.ts';
import { keepAlive } from '../keepAlive.ts';
import { boundJobs, count } from '../limits.ts';
import type { EdgeContext } from '../problems.ts';
import { provenanceHeaders } from '../provenance.ts';
import type { Services } from '../services.ts';
import { withSources } from '../sources/sources.ts';
import { inlineOf } from '../uploads/links.ts';
import { answerEvents, answerKnown, answerWhole, type Seen } from './answer.ts';
import { type Answer, createComputation } from './compute.ts';
import { createHits } from './hits.ts';
import { createKnownRequests } from './knownRequests.ts';
import {
  CHARGED_HEADER,
  type Payment,
  type Price,
  pay,
  priceFor,
  type Work,
  withPrice,
} from './pay.ts';
import { createSame } from './same.ts';
import { countSaved } from './saved.ts';
import { answerAccepted, submit, waitFor } from './submit.ts';
import type { Asker, Task, Wish } from './task.ts';

const askerOf = (c: EdgeContext): Asker => ({
  requestId: c.get('requestId'),
  traceparent: c.get('traceparent'),
  turn: c.get('turn'),
});

/** What only a job can be told of is asked of work that is none. */
function noJob({ store }: Pick<Services, 'store'>) {
  if (store.kind === 'memory') {
    const detail = 'webhooks tell of jobs, which need a store that edge and workers share';
    return refusal('no_jobs', detail, pointerTo('webhook'));
  }
  const detail =
    'webhooks tell of jobs, and this request is answered directly: send Prefer: respond-async or wait=N, and accept ' +
    'no events';
  return refusal('invalid_request', detail, pointerTo('webhook'));
}

interface Origin extends Pick<Wish, 'key' | 'models'> {
  /** When the result was computed. */
  readonly at: number;
  readonly headers: Readonly<Record<string, string>>;
}

export function createTaskRoute<W extends Wish, R extends object>(
  services: Services,
  task: Task<W, R>,
) {
  const computation = createComputation(services, task);
  const same = createSame();
  const origins = new WeakMap<R, Origin>();
  const hits = createHits<R>();
  const requests = createKnownRequests<W>(services, services.config.FOURM_HOT_BYTES);
  const { linker } = services;

  const quotes = new WeakMap<W, Promise<number>>();

  /** Units of a request that is computed: each is planned once. */
  function unitsOf(wish: W): Promise<number> {
    const ask = task.unitsNow ?? (async (asked) => (await task.dryRun(asked)).usage.units);
    const known = quotes.get(wish) ?? ask(wish);
    quotes.set(wish, known);
    return known;
  }

  /** What a request costs: as its result says, or as a dry run of it does. */
  async function planned(wish: W, stored?: Answer<R>): Promise<Work> {
    const { usage }: { usage?: { units?: number } } = stored?.result ?? {};
    const known = usage?.units ?? (stored && task.units?.(wish));
    const units = known ?? (await unitsOf(wish));
    return { model: wish.models[0], units, isCached: stored !== undefined };
  }

  /** The same, known at once of what was asked before. */
  const workOf = (wish: W, stored?: Answer<R>): Work | Promise<Work> =>
    (stored && hits.find(wish, stored)?.work) ?? planned(wish, stored);

  /** What an answer says of its price: that of computing it, whether or not it was. */
  async function priceOf(c: EdgeContext, wish: W, answer: Answer<R>): Promise<Price | undefined> {
    if (!services.credit) return undefined;
    return priceFor(c, services, { ...(await workOf(wish, answer)), isCached: false });
  }

  /** Headers that say where a result comes from, made once for what is asked again and again. */
  function originOf(wish: W, made: R, at: Computed): Readonly<Record<string, string>> {
    const { key, models } = wish;
    const known = origins.get(made);
    if (known?.key === key && known.models === models && known.at === at.at) return known.headers;
    const headers = provenanceHeaders({
      // What a result does not say of its model, the model says: the key names it by its digest.
      models: task.madeBy(made).map((by) => ({
        ...models.find(({ digest }) => digest === by.digest),
        ...by,
      })),
      seed: key.seed,
      schedule: task.schedule?.(wish, made),
      computed: toldComputed(at),
    });
    origins.set(made, { key, models, at: at.at, headers });
    return headers;
  }

  async function seenAnew(
    c: EdgeContext,
    wish: W,
    { result: made, ...answer }: Answer<R>,
  ): Promise<Seen> {
    const single = task.single?.(wish, made);
    const price = await priceOf(c, wish, { result: made, ...answer });
    const computed = toldComputed(answer.computed);
    const whole = same(made, computed, () => ({ ...made, computed }));
    const viewed = task.view?.(wish, whole) ?? whole;
    const result = withPrice(withSources(viewed, wish.sources), price);
    const provenance = originOf(wish, made, answer.computed);
    // Links need the files to be kept; and where a file itself is answered, nobody needs one.
    const isWithin = !wish.cache.mayStore || (wish.wanted.kind === 'bytes' && single !== undefined);
    const linked = isWithin
      ? { result, hasLinks: false }
      : await linker.link(c, result, task.inline?.(wish));
    const shown = task.translate?.(wish, linked.result, answer.ageSeconds ?? 0);
    return { ...answer, single, provenance, ...linked, ...(shown && { result: shown }) };
  }

  /** @param isRecalled whether the same was asked before */
  const seenBy = (
    c: EdgeContext,
    wish: W,
    answer: Answer<R>,
    isRecalled = false,
  ): Seen | Promise<Seen> => {
    const hit = hits.find(wish, answer);
    if (!hit) return isRecalled ? seenAgain(c, wish, answer) : seenAnew(c, wish, answer);
    const { cacheStatus, ageSeconds, computed } = answer;
    return { ...hit.seen, cacheStatus, computed, ...(ageSeconds !== undefined && { ageSeconds }) };
  };

  /** A stored result as its caller sees it, remembered for whoever asks the same again. */
  async function seenAgain(c: EdgeContext, wish: W, stored: Answer<R>): Promise<Seen> {
    const seen = await seenAnew(c, wish, stored);
    // Links are of a moment, and so is what a translation says of the age.
    if (!seen.hasLinks && !task.translate)
      hits.remember(wish, stored, { seen, work: await planned(wish, stored) });
    return seen;
  }

  /** 304 for a caller who asks whether his copy of a stored result still holds. */
  async function revalidate(c: EdgeContext, wish: W): Promise<Response | undefined> {
    // Who wants to be told of the work wants more than an answer.
    if (wish.webhook || !wish.cache.mayStore || wish.wanted.kind === 'events') return undefined;
    const cache = { ...wish.cache, mayReuse: true, maxAgeSeconds: Number.POSITIVE_INFINITY };
    const stored = await computation.find({ ...wish, cache });
    return stored && (await answerKnown(c, wish, await seenBy(c, wish, stored)));
  }

  async function compute(c: EdgeContext, wish: W, payment?: Payment): Promise<Response> {
    const asker = askerOf(c);
    const left = new AbortController();
    const hasDeadline = wish.deadlineMs !== undefined;
    const deadline = hasDeadline ? startDeadline(wish.deadlineMs, wish.began) : undefined;
    follow(left, c.req.raw.signal);
    if (deadline) follow(left, deadline.signal);
    const share = computation.join(wish, asker, left.signal);
    keepAlive(c)(share.ended);
    payment?.keep();
    const outcome = share.outcome
      .then((answer) => seenAnew(c, wish, answer))
      .finally(() => deadline?.clear());
    // What another has stored, or pays for, costs what stored results cost.
    const charge = (answer: Seen) =>
      payment?.charge(share.follows() || answer.ageSeconds !== undefined);
    if (wish.wanted.kind === 'events') {
      const result = outcome.then((answer) => {
        charge(answer);
        return answer.result;
      });
      const release = () => payment?.release();
      void result.then(release, release);
      result.catch(() => {});
      return answerEvents(c, services, { kind: 'computed', share, result }, () => left.abort());
    }
    const answer = await outcome;
    const isShared = share.joined && answer.ageSeconds === undefined;
    if (isShared) countSaved(services, c, 'collapsed', answer.result);
    try {
      return await answerWhole(c, wish, {
        ...answer,
        charge: () => charge(answer),
        ...(isShared && { cacheStatus: 'fourm-edge; fwd=miss; collapsed' }),
      });
    } catch (error) {
      // It has been computed, and costs its share from now on: that its caller takes none of its forms makes it not free.
      const charged = charge(answer);
      if (charged !== undefined) c.header(CHARGED_HEADER, charged);
      throw error;
    }
  }

  /** Undefined where the caller wants to wait as long as it takes, or the work cannot be a job. */
  async function asJob(
    c: EdgeContext,
    wish: W,
    stored?: Answer<R>,
    payment?: Payment,
  ): Promise<Response | undefined> {
    const preference = readPrefer(c.req.header('prefer'));
    if (!preference || !task.job) return undefined;
    const isAsync = preference.waitSeconds === 0;
    // A stream tells by itself how far the work is; and where no job can be, what is waited for is the work itself.
    // A stored result is answered as it is, unless somebody is to be told of it.
    const isWork = stored === undefined || wish.webhook !== undefined;
    const canWait = wish.wanted.kind !== 'events' && wish.cache.mayStore && isWork;
    // What is stored needs no waiting.
    if (!isAsync && !isWork && wish.wanted.kind !== 'events')
      sayBefore(c, 'preference-applied', preference.applied);
    if (!isAsync && (!canWait || services.store.kind === 'memory')) return undefined;
    const asker = askerOf(c);
    const isStored = stored !== undefined && (await computation.settle(wish));
    const job = await submit(services, {
      ...{ wish, job: task.job, asker, preference, isStored, payment },
      boundJobs: (open) => boundJobs(c, open),
    });
    if (isAsync) return await answerAccepted(c, services, job, preference);
    const done = await waitFor(services, job, preference, c.req.raw.signal);
    const any = { ...wish.cache, mayReuse: true, maxAgeSeconds: Number.POSITIVE_INFINITY };
    const found = done && (await computation.find({ ...wish, cache: any }));
    if (!found) {
      const now = (await services.jobs.find(job)) ?? job;
      return await answerAccepted(c, services, now, preference);
    }
    sayBefore(c, 'preference-applied', preference.applied);
    const { result, computed } = found;
    const answer = { result, computed, cacheStatus: 'fourm-edge; fwd=miss; stored' };
    return await answerWhole(c, wish, await seenBy(c, wish, answer));
  }

  return async (c: EdgeContext): Promise<Response> => {
    inlineOf(c);
    const recalled = await requests.recall(c);
    const wish = recalled ?? (await task.read(c));
    if (wish.isDryRun) {
      c.header('cache-control', 'no-store');
      const quote = await task.dryRun(wish);
      const { units } = quote.usage;
      return c.json(withPrice(quote, priceFor(c, services, { model: wish.models[0], units })));
    }
    const isConditional = c.req.header('if-none-match') !== undefined;
    const unchanged = isConditional && (await revalidate(c, wish));
    if (unchanged) return unchanged;
    const stored = await computation.find(wish);
    // What is stored costs a request and no units.
    if (!stored && !wish.cache.onlyStored)
      await count(c, services.limiter, 'units', () => unitsOf(wish));
    if (wish.webhook && wish.cache.onlyStored) throw noJob(services);
    if (!stored && wish.cache.onlyStored) {
      const detail = 'no stored result fits this request, and only-if-cached asks for no other';
      throw refusal('not_cached', detail);
    }
    const payment = await pay(c, services, () => workOf(wish, stored));
    const streams = wish.wanted.kind === 'events';
    try {
      const prefers = c.req.header('prefer') !== undefined && !wish.cache.onlyStored;
      const accepted = prefers && (await asJob(c, wish, stored, payment));
      if (accepted) return accepted;
      if (wish.webhook) throw noJob(services);
      if (!stored) return await compute(c, wish, payment);
      if (!recalled) await requests.remember(c, wish);
      countSaved(services, c, 'stored', stored.result);
      const known = seenBy(c, wish, stored, recalled !== undefined);
      const seen = known instanceof Promise ? await known : known;
      const answer = { ...seen, charge: () => payment?.charge() };
      if (!streams) return await answerWhole(c, wish, answer);
      answer.charge();
      return answerEvents(c, services, { kind: 'stored', answer }, () => {});
    } catch (error) {
      payment?.release();
      throw error;
    } finally {
      // A stream pays at its end; whoever has the result already pays nothing.
      if (!streams) payment?.release();
    }
  };
}
