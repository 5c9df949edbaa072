/**
 * Admission: so many requests at work, and so many tokens of work taken on; what is beyond is refused at once.
 * Those who wait for a slot get it in turn, by priority and tenant.
 */
import { refusal } from '../../shared/api/problem.ts';
import { createTurns, type Turn } from '../batching/turns.ts';

/** What a request brings. */
export interface Load extends Turn {
  /** Token-steps, see `costOf`. */
  readonly tokens: number;
}

export interface Gate {
  /**
   * Waits for a slot; call the result when the work is over.
   * @throws FailureError `overloaded` when too much was taken on already; the signal's reason when aborted
   */
  readonly enter: (signal: AbortSignal, load?: Load) => Promise<() => void>;
  readonly running: () => number;
  readonly waiting: () => number;
  /** Tokens of those that run or wait. */
  readonly tokens: () => number;
}

interface Waiter extends Turn {
  readonly since: number;
  readonly start: () => void;
}

const ONE: Load = { tokens: 1, priority: 'interactive', tenant: '' };
/** Requests whose rate is remembered. */
const MEMORY = 8;

/** Tokens that a request counts for. @param most tokens that are taken on */
export const countedTokens = (tokens: number, most: number): number =>
  Math.min(Math.max(1, tokens), Math.ceil(most / 2));

/**
 * Direct callers find room, however many jobs there are that nobody waits for. A tenant of whom nothing was taken on yet
 * finds room for a request even where others have filled all of it.
 */
function roomFor({ priority, most, isFirst = false }: Asking): number {
  if (priority === 'batch') return Math.ceil(most / 2);
  return isFirst ? most + Math.ceil(most / 2) : most;
}

export interface Asking extends Pick<Turn, 'priority'> {
  /** Tokens of those that run or wait. */
  readonly taken: number;
  /** Whether none of them are of the same tenant. */
  readonly isFirst?: boolean;
  /** Its own, counted. */
  readonly own: number;
  readonly most: number;
}

/** Tokens for which there is no room: a request with any is refused. */
export const beyondRoom = (asking: Asking): number =>
  asking.taken > 0 ? Math.max(0, asking.taken + asking.own - roomFor(asking)) : 0;

/**
 * @param most tokens taken on; a single request counts for half of them at most, so that the largest one is
 *   taken and shuts out nobody
 */
export function createGate(slots: number, most: number): Gate {
  let running = 0;
  let tokens = 0;
  // Running mean of the tokens done in a second, for Retry-After.
  let rate: number | undefined;
  let doneAt = performance.now();
  /** What was served since there was nobody who waited. */
  let turns = createTurns();
  const waiters: Waiter[] = [];
  /** Requests of each tenant that run or wait. */
  const ofTenants = new Map<string, number>();

  const counted = (load: Load): number => countedTokens(load.tokens, most);

  function learn(done: number): void {
    const now = performance.now();
    const measured = done / Math.max(0.001, (now - doneAt) / 1000);
    rate = rate === undefined ? measured : rate + (measured - rate) / MEMORY;
    doneAt = now;
  }

  /** Takes a request on, or is done with it. */
  function count(load: Load, by: 1 | -1): void {
    tokens += by * counted(load);
    const left = (ofTenants.get(load.tenant) ?? 0) + by;
    if (left > 0) ofTenants.set(load.tenant, left);
    else ofTenants.delete(load.tenant);
  }

  const taken = (load: Load): (() => void) => {
    running++;
    const started = performance.now();
    if (running === 1) doneAt = started;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      running--;
      count(load, -1);
      learn(counted(load));
      if (waiters.length === 0) {
        // What keeps nobody waiting is held against nobody: whoever waits next begins beside all others.
        turns = createTurns();
        return;
      }
      turns.charge(load, performance.now() - started);
      const next = turns.next(waiters);
      waiters.splice(waiters.indexOf(next), 1);
      next.start();
    };
  };

  const enter: Gate['enter'] = async (signal, load = ONE) => {
    signal.throwIfAborted();
    const own = counted(load);
    const { priority, tenant } = load;
    const asking = { taken: tokens, own, most, priority, isFirst: !ofTenants.has(tenant) };
    const beyond = beyondRoom(asking);
    if (beyond > 0) {
      const room = roomFor(asking);
      const retryAfterSeconds = Math.max(1, Math.ceil(beyond / (rate ?? beyond)));
      const taking = `${tokens} of the ${room} tokens that are taken on are at work or wait`;
      const detail = `${taking}; this request has ${own}`;
      throw refusal('overloaded', detail, undefined, { retryAfterSeconds });
    }
    count(load, 1);
    if (running < slots) return taken(load);
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = {
        priority,
        tenant,
        since: performance.now(),
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve(taken(load));
        },
      };
      const leave = (): void => {
        waiters.splice(waiters.indexOf(waiter), 1);
        count(load, -1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiters.push(waiter);
    });
  };
  return { enter, running: () => running, waiting: () => waiters.length, tokens: () => tokens };
}
