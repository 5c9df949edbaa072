/** Whose turn it is to look for lost jobs: of many workers one at a time, as an object in the store says. */
import * as z from 'zod';
import type { Store } from '../../shared/store/store.ts';

export interface Turn {
  /**
   * Whether this worker is to look now.
   * @returns milliseconds since the last look, whoever did it; undefined where it is not this worker's turn
   * @throws what the store throws
   */
  take(): Promise<number | undefined>;
}

export interface TurnOptions {
  readonly worker: string;
  /** The object in the store; that of jobs when left out. */
  readonly key?: string;
  /** Time from one look to the next, whoever does it. */
  readonly milliseconds: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const JOBS_KEY = 'state/sweep.json';
const turnSchema = z.object({ worker: z.string(), at: z.number() });

/** When the last look began, in unix milliseconds; undefined where that cannot be read. */
function timeOf(body: Uint8Array): number | undefined {
  try {
    return turnSchema.parse(JSON.parse(new TextDecoder().decode(body))).at;
  } catch {
    return undefined;
  }
}

export const createTurn = (
  store: Store,
  { worker, key = JOBS_KEY, milliseconds, now }: TurnOptions,
): Turn => ({
  async take() {
    const found = await store.get(key);
    const last = found && timeOf(found.body);
    // A time to come is another's clock: it must not stop everybody.
    if (last !== undefined && Math.abs(now() - last) < milliseconds) return undefined;
    const body = new TextEncoder().encode(JSON.stringify({ worker, at: now() }));
    const condition = found ? { ifMatch: found.etag } : ({ ifNoneMatch: '*' } as const);
    const put = await store.put(key, body, { contentType: 'application/json', ...condition });
    return put.ok ? Math.max(milliseconds, now() - (last ?? now())) : undefined;
  },
});
