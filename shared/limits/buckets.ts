/**
 * Token buckets: what may be used a minute, refilled all the time. A bucket holds a minute's worth at most, so that this
 * much can be used at once. What costs more than a whole bucket waits for a full one, and leaves it in debt.
 */

/** What a request asks of one bucket. */
export interface Demand {
  /** Names the bucket. */
  readonly id: string;
  /** What callers know the bound as. */
  readonly policy: string;
  /** What may be used a minute. */
  readonly quota: number;
  readonly cost: number;
}

/** How a bucket stands. */
export interface Standing {
  readonly policy: string;
  readonly quota: number;
  /** What is left, in whole; 0 in debt. */
  readonly remaining: number;
  /** Seconds until there is enough for a request that was refused; until the bucket is full otherwise. */
  readonly seconds: number;
  /** Whether it bounds what is there at the same time, and not what comes in a minute. */
  readonly isConcurrent?: boolean;
}

export interface Verdict {
  /** Whether every bucket had enough. Nothing is taken from any otherwise. */
  readonly isAdmitted: boolean;
  readonly standings: readonly Standing[];
  /** The policies that had not enough. */
  readonly exceeded: readonly Standing[];
}

export interface Buckets {
  admit(demands: readonly Demand[]): Verdict;
}

export const WINDOW_SECONDS = 60;
/** A bucket that is forgotten is full again, so the ones used last are kept. */
const MOST_BUCKETS = 50_000;

/** @param now milliseconds */
export function createBuckets(now: () => number = () => performance.now()): Buckets {
  const buckets = new Map<string, { readonly tokens: number; readonly at: number }>();

  /** What a bucket holds now. */
  function holds({ id, quota }: Demand, at: number): number {
    const bucket = buckets.get(id);
    if (!bucket) return quota;
    const refilled = ((at - bucket.at) / 1000) * (quota / WINDOW_SECONDS);
    return Math.min(quota, bucket.tokens + Math.max(0, refilled));
  }

  function put(id: string, tokens: number, at: number): void {
    buckets.delete(id);
    buckets.set(id, { tokens, at });
    const oldest = buckets.keys().next();
    if (buckets.size > MOST_BUCKETS && !oldest.done) buckets.delete(oldest.value);
  }

  return {
    admit(demands) {
      const at = now();
      const looked = demands.map((demand) => ({ demand, tokens: holds(demand, at) }));
      const lacks = ({ demand: { cost, quota }, tokens }: (typeof looked)[number]): number =>
        Math.max(0, Math.min(cost, quota) - tokens);
      const isAdmitted = looked.every((one) => lacks(one) === 0);
      const standings = looked.map((one): Standing => {
        const { demand, tokens } = one;
        const { id, policy, quota, cost } = demand;
        const left = isAdmitted ? tokens - cost : tokens;
        if (isAdmitted) put(id, left, at);
        const missing = lacks(one) > 0 ? lacks(one) : quota - left;
        return {
          policy,
          quota,
          remaining: Math.max(0, Math.floor(left)),
          seconds: Math.ceil((missing / quota) * WINDOW_SECONDS),
        };
      });
      const exceeded = standings.filter((_, i) => {
        const one = looked[i];
        return one !== undefined && lacks(one) > 0;
      });
      return { isAdmitted, standings, exceeded };
    },
  };
}
