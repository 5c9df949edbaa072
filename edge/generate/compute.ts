/**
 * What is wanted -> a result: from the store, or from a worker, and then stored. Equal requests at once
 * are one computation, whatever form of answer each has asked for; it stops when the last who waits for
 * it has gone. `no-store` asks for nothing to be kept: it neither reads nor writes the store.
 */
import type { GenerateResponse, Progress } from '../../shared/api/generate.ts';
import type { ReusedTarget } from '../../shared/api/worker.ts';
import { isStillKept, keepTokens, linksOf } from '../../shared/results/keep.ts';
import { createCoalescer, type Share, type WorkContext } from '../dispatch/coalesce.ts';
import type { Services } from '../services.ts';
import type { Wish } from './read.ts';

export interface Answer {
  readonly result: GenerateResponse;
  /** `Cache-Status` (RFC 9211). */
  readonly cacheStatus: string;
  /** How long the result has been stored; undefined when it was computed for this request. */
  readonly ageSeconds?: number;
}

/** Who asks, for the worker's log. */
export interface Asker {
  readonly requestId: string;
  readonly traceparent: string;
}

export interface Computation {
  /** The stored result that the caller's wishes allow. */
  find(wish: Wish): Promise<Answer | undefined>;
  /** Targets of the chain that were made before. */
  findChain(wish: Wish): Promise<ReusedTarget[]>;
  /** Joins the computation of the result, or begins it; the caller leaves when his signal aborts. */
  join(wish: Wish, asker: Asker, signal: AbortSignal): Share<Answer, Progress>;
}

export function createComputation(services: Services): Computation {
  const { dispatcher, results, chains, tokens } = services;
  const running = createCoalescer<Answer, Progress>();

  const findChain: Computation['findChain'] = async ({ cache, chain }) =>
    cache.mayReuse ? await chains.find(chain) : [];

  const find: Computation['find'] = async ({ cache, key, request, chain }) => {
    if (!cache.mayReuse) return undefined;
    const stored = await results.get(key.id);
    if (!stored) return undefined;
    const { result, ageSeconds } = stored;
    if (ageSeconds > cache.maxAgeSeconds) return undefined;
    // A result whose kept tokens are gone is made again, which keeps them again.
    if (request.keep && !(await isStillKept(result, chain, services))) return undefined;
    return { result, ageSeconds, cacheStatus: '4m-edge; hit' };
  };

  /** Whether the caller wants a new result in place of one that may be there. */
  async function declines({ cache, key }: Wish): Promise<boolean> {
    if (!cache.mayReuse) return true;
    return Number.isFinite(cache.maxAgeSeconds) && (await results.get(key.id)) !== undefined;
  }

  async function compute(
    wish: Wish,
    { requestId, traceparent }: Asker,
    { signal, emit }: WorkContext<Progress>,
  ): Promise<Answer> {
    const { key, model, request, files, plan, cache, chain } = wish;
    // It may have been stored between the look into the store and this moment.
    const stored = await find(wish);
    if (stored) return stored;
    const isDeclined = await declines(wish);
    const reusable = await findChain(wish);
    // Each caller has a deadline of his own, which the edge keeps.
    const { deadline_ms: _, ...shared } = request;
    const computed = await dispatcher.generate(
      {
        request_id: requestId,
        id: key.id,
        model: model.id,
        seed: key.seed,
        request: shared,
        ...(reusable.length > 0 && { reused: reusable }),
      },
      {
        traceparent,
        signal,
        onProgress: emit,
        files,
        models: plan.stages.map((stage) => stage.model.id).filter((other) => other !== model.id),
      },
    );
    const result = request.keep ? await keepTokens(computed, plan, tokens) : computed;
    // A model that was replaced meanwhile answers for another digest than the key names.
    const keyed = [model, ...plan.stages.map((stage) => stage.model)];
    const isKeyed = ({ id, digest }: { readonly id: string; readonly digest: string }): boolean =>
      keyed.some((one) => one.id === id && one.digest === digest);
    const isStorable =
      cache.mayStore && [result.model, ...(result.further_models ?? [])].every(isKeyed);
    if (isStorable && request.keep) {
      await chains.put(linksOf(chain, plan, result).slice(reusable.length));
    }
    const isStored = isStorable && (await results.put(key.id, result, isDeclined));
    const reason = isDeclined ? 'fwd=request' : 'fwd=miss';
    const detail = reusable.length > 0 ? `; detail="reused=${reusable.length}"` : '';
    return { result, cacheStatus: `4m-edge; ${reason}${isStored ? '; stored' : ''}${detail}` };
  }

  return {
    find,
    findChain,
    join(wish, asker, signal) {
      // Who wants a new result, or nothing kept, wants other work.
      const { mayReuse, mayStore } = wish.cache;
      const name = `${wish.key.id} ${mayReuse} ${mayStore}`;
      return running.join(name, (context) => compute(wish, asker, context), signal);
    },
  };
}
