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

/** Direct callers find room, however many jobs there are that nobody waits for. */
const roomFor = (priority: Turn['priority'], most: number): number =>
  priority === 'batch' ? Math.ceil(most / 2) : most;

export interface Asking extends Pick<Turn, 'priority'> {
  /** Tokens of those that run or wait. */
  readonly taken: number;
  /** Its own, counted. */
  readonly own: number;
  readonly most: number;
}

/** Tokens for which there is no room: a request with any is refused. */
export const beyondRoom = ({ taken, own, most, priority }: Asking): number =>
  taken > 0 ? Math.max(0, taken + own - roomFor(priority, most)) : 0;

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
  const turns = createTurns();
  const waiters: Waiter[] = [];

  const counted = (load: Load): number => countedTokens(load.tokens, most);

  function learn(done: number): void {
    const now = performance.now();
    const measured = done / Math.max(0.001, (now - doneAt) / 1000);
    rate = rate === undefined ? measured : rate + (measured - rate) / MEMORY;
    doneAt = now;
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
      tokens -= counted(load);
      learn(counted(load));
      turns.charge(load, performance.now() - started);
      if (waiters.length === 0) return;
      const next = turns.next(waiters);
      waiters.splice(waiters.indexOf(next), 1);
      next.start();
    };
  };

  const enter: Gate['enter'] = async (signal, load = ONE) => {
    signal.throwIfAborted();
    const own = counted(load);
    const { priority } = load;
    const beyond = beyondRoom({ taken: tokens, own, most, priority });
    if (beyond > 0) {
      const room = roomFor(priority, most);
      const retryAfterSeconds = Math.max(1, Math.ceil(beyond / (rate ?? beyond)));
      const taking = `${tokens} of the ${room} tokens that are taken on are at work or wait`;
      const detail = `${taking}; this request has ${own}`;
      throw refusal('overloaded', detail, undefined, { retryAfterSeconds });
    }
    tokens += own;
    if (running < slots) return taken(load);
    return await new Promise((resolve, reject) => {
      const { tenant } = load;
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
        tokens -= own;
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiters.push(waiter);
    });
  };
  return { enter, running: () => running, waiting: () => waiters.length, tokens: () => tokens };
}
