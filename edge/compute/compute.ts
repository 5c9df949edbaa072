/**
 * What is wanted -> a result: from the store, or from a worker, and then stored. Equal requests at once
 * are one computation, whatever form of answer each has asked for; it stops when the last who waits for
 * it has gone. `no-store` asks for nothing to be kept: it neither reads nor writes the store.
 */
import type { Progress } from '../../shared/api/generate.ts';
import type { KeyedModel } from '../../shared/results/keys.ts';
import {
  type Computed,
  createResultCache,
  type ResultName,
  told,
} from '../../shared/results/results.ts';
import { withUnwritten } from '../../shared/results/unwritten.ts';
import { createCoalescer, type Share, type WorkContext } from '../dispatch/coalesce.ts';
import type { Services } from '../services.ts';
import type { Asker, Task, Wish } from './task.ts';

export interface Answer<R> {
  readonly result: R;
  /** `Cache-Status` (RFC 9211). */
  readonly cacheStatus: string;
  /** How long the result has been stored; undefined when it was computed for this request. */
  readonly ageSeconds?: number;
  /** When it was computed, and for which request. */
  readonly computed: Computed;
}

export interface Computation<W extends Wish, R> {
  /** The stored result that the caller's wishes allow. */
  find(wish: W): Promise<Answer<R> | undefined>;
  /** Waits until a result that was found is in the store. @returns false when it could not be written */
  settle(wish: W): Promise<boolean>;
  /** Joins the computation of the result, or begins it; the caller leaves when his signal aborts. */
  join(wish: W, asker: Asker, signal: AbortSignal): Share<Answer<R>, Progress>;
}

const isSame =
  (a: KeyedModel) =>
  (b: KeyedModel): boolean =>
    a.id === b.id && a.digest === b.digest;

export function createComputation<W extends Wish, R extends object>(
  { store, keptFor, log, unwritten }: Pick<Services, 'store' | 'keptFor' | 'log' | 'unwritten'>,
  task: Task<W, R>,
): Computation<W, R> {
  const results = withUnwritten(createResultCache(store, task.schema, log), unwritten);
  const running = createCoalescer<Answer<R>, Progress>();
  const nameOf = ({ tenant, key }: W): ResultName => ({ scope: keptFor(tenant).scope, id: key.id });

  /** Counts results that were stored here. */
  let stores = 0;
  /** What was absent -> how many results had been stored here before. */
  const absent = new WeakMap<W, number>();

  async function find(wish: W): Promise<Answer<R> | undefined> {
    const { cache } = wish;
    if (!cache.mayReuse) return undefined;
    const before = stores;
    const stored = await results.get(nameOf(wish));
    if (!stored) return void absent.set(wish, before);
    const { result, ageSeconds, computed } = stored;
    if (ageSeconds > cache.maxAgeSeconds) return undefined;
    if (task.isWhole && !(await task.isWhole(wish, result))) return undefined;
    return { result, ageSeconds, computed, cacheStatus: 'fourm-edge; hit' };
  }

  /** Whether the caller wants a new result in place of one that may be there. */
  async function declines(wish: W): Promise<boolean> {
    const { cache } = wish;
    if (!cache.mayReuse) return true;
    return Number.isFinite(cache.maxAgeSeconds) && (await results.get(nameOf(wish))) !== undefined;
  }

  async function compute(
    wish: W,
    asker: Asker,
    context: WorkContext<Progress>,
  ): Promise<Answer<R>> {
    // It may have been stored here between the look into the store and this moment.
    const stored = absent.get(wish) === stores ? undefined : await find(wish);
    if (stored) return stored;
    const isDeclined = await declines(wish);
    const { result, detail, keep } = await task.run(wish, asker, context);
    // A model that was replaced meanwhile answers for another digest than the key names.
    const isKeyed = task.madeBy(result).every((model) => wish.models.some(isSame(model)));
    const isStorable = wish.cache.mayStore && isKeyed;
    if (isStorable) await keep?.();
    const computed = { at: Date.now(), requestId: asker.requestId };
    const isStored = isStorable && (await results.put(nameOf(wish), result, isDeclined, computed));
    stores++;
    const reason = isDeclined ? 'fwd=request' : 'fwd=miss';
    const said = detail === undefined ? '' : `; detail="${detail}"`;
    return {
      result,
      computed: told(nameOf(wish), computed),
      cacheStatus: `fourm-edge; ${reason}${isStored ? '; stored' : ''}${said}`,
    };
  }

  return {
    find,
    settle: (wish) => unwritten.settle(nameOf(wish)),
    join(wish, asker, signal) {
      // Who wants a new result, or nothing kept, wants other work.
      const { mayReuse, mayStore } = wish.cache;
      const { scope, id } = nameOf(wish);
      const direct = `${scope} ${id} ${mayReuse} ${mayStore}`;
      // What nobody waits for joins what somebody does; the reverse would have him wait behind it.
      const isUnhurried = asker.turn?.priority === 'batch' && !running.isRunning(direct);
      const name = isUnhurried ? `${direct} batch` : direct;
      return running.join(name, (context) => compute(wish, asker, context), signal);
    },
  };
}
