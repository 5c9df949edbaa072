/** `POST /v1/generate`: read what is wanted, find or compute it, answer it. */
import { refusal } from '../../shared/api/problem.ts';
import { dryRunResponse } from '../../shared/plan/dryRun.ts';
import { startDeadline } from '../deadline.ts';
import { answerEvents, answerKnown, answerWhole } from '../generate/answer.ts';
import { type Asker, createComputation } from '../generate/compute.ts';
import { readWish, type Wish, withVia } from '../generate/read.ts';
import { pixelsOf } from '../inputs.ts';
import { keepAlive } from '../keepAlive.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export function createGenerateRoute(services: Services) {
  const computation = createComputation(services);

  async function dryRun(c: EdgeContext, wish: Wish): Promise<Response> {
    const { key, model, plan, request, files } = wish;
    const reused = (await computation.findChain(wish)).length;
    c.header('cache-control', 'no-store');
    const pixels = pixelsOf(request.inputs, files);
    return c.json(withVia(dryRunResponse(plan, { ...key, model: model.id, reused, pixels }), wish));
  }

  /** 304 for a caller who asks whether his copy of a stored result still holds. */
  async function revalidate(c: EdgeContext, wish: Wish): Promise<Response | undefined> {
    const asks = c.req.header('if-none-match') !== undefined && wish.cache.mayStore;
    if (!asks || wish.wanted.kind === 'events') return undefined;
    const cache = { ...wish.cache, mayReuse: true, maxAgeSeconds: Number.POSITIVE_INFINITY };
    const stored = await computation.find({ ...wish, cache });
    return stored && (await answerKnown(c, wish, stored));
  }

  async function compute(c: EdgeContext, wish: Wish): Promise<Response> {
    const asker: Asker = { requestId: c.get('requestId'), traceparent: c.get('traceparent') };
    const isEvents = wish.wanted.kind === 'events';
    const left = new AbortController();
    const deadline = startDeadline(wish.request.deadline_ms);
    const signal = AbortSignal.any([c.req.raw.signal, left.signal, deadline.signal]);
    const share = computation.join(wish, asker, signal);
    keepAlive(c)(share.ended);
    const outcome = share.outcome.finally(deadline.clear);
    if (isEvents) {
      outcome.catch(() => {});
      return answerEvents(c, services, wish, { kind: 'computed', share }, () => left.abort());
    }
    const answer = await outcome;
    const isShared = share.joined && answer.ageSeconds === undefined;
    return await answerWhole(c, wish, {
      ...answer,
      ...(isShared && { cacheStatus: '4m-edge; fwd=miss; collapsed' }),
    });
  }

  return async (c: EdgeContext): Promise<Response> => {
    const wish = await readWish(c, services);
    if (wish.request.dry_run) return await dryRun(c, wish);
    const unchanged = await revalidate(c, wish);
    if (unchanged) return unchanged;
    const stored = await computation.find(wish);
    if (stored) {
      return wish.wanted.kind === 'events'
        ? answerEvents(c, services, wish, { kind: 'stored', answer: stored }, () => {})
        : await answerWhole(c, wish, stored);
    }
    if (wish.cache.onlyStored) {
      const detail = 'no stored result fits this request, and only-if-cached asks for no other';
      throw refusal('not_cached', detail);
    }
    return await compute(c, wish);
  };
}
