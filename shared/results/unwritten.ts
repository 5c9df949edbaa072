/**
 * Results that are answered while they are being written: whoever asks this edge for one of them is given it from memory,
 * and whoever needs it in the store waits for it. Only a store whose last write succeeded is believed to take the next one.
 * In Workers nobody writes for a request that has ended, so there each is waited for.
 */
import { isWorker, pause } from '../pause.ts';
import {
  type ResultCache,
  type ResultName,
  resultKey,
  type StoredResult,
  told,
} from './results.ts';

/** More of them wait for the store itself. */
const MOST = 16;

type Held = Omit<StoredResult<unknown>, 'ageSeconds'>;

interface Writing extends Held {
  /** Whether it could be written. */
  readonly end: Promise<boolean>;
}

export interface Unwritten {
  /** A result that is being written. */
  find(name: ResultName): Held | undefined;
  /** @returns whether it is stored, or is going to be */
  write(name: ResultName, held: Held, work: () => Promise<boolean>): Promise<boolean>;
  /** Resolves when it is not being written any more. @returns false when it could not be written */
  settle(name: ResultName): Promise<boolean>;
  /** Resolves when all are written. */
  close(): Promise<void>;
}

/** @param waits whether every write is waited for */
export function createUnwritten(waits = isWorker): Unwritten {
  const writing = new Map<string, Writing>();
  let isBelieved = false;

  async function written(work: () => Promise<boolean>, before?: Promise<unknown>) {
    // The answer goes first, which does not need it.
    if (isBelieved) await pause();
    await before;
    isBelieved = await work();
    return isBelieved;
  }

  return {
    find: (name) => writing.get(resultKey(name)),
    async write(name, held, work) {
      if (waits) return await work();
      const key = resultKey(name);
      const isSoon = isBelieved && writing.size < MOST;
      const end = written(work, writing.get(key)?.end);
      const own = { ...held, end };
      writing.set(key, own);
      const over = end.finally(() => {
        if (writing.get(key) === own) writing.delete(key);
      });
      return isSoon ? true : await over;
    },
    settle: async (name) => (await writing.get(resultKey(name))?.end) ?? true,
    async close() {
      while (writing.size > 0) await Promise.all([...writing.values()].map(({ end }) => end));
    },
  };
}

/** The results of a store, and those that are on their way there. */
export function withUnwritten<R extends object>(
  results: ResultCache<R>,
  unwritten: Unwritten,
  now: () => number = Date.now,
): ResultCache<R> {
  return {
    async get(name) {
      const held = unwritten.find(name);
      if (!held) return await results.get(name);
      const { result, computed } = held;
      const ageSeconds = Math.max(0, now() - computed.at) / 1000;
      // Ids are of one task, whose results these are.
      return { result: result as R, ageSeconds, computed: told(name, computed) };
    },
    put: (name, result, replace, computed) =>
      unwritten.write(name, { result, computed }, () =>
        results.put(name, result, replace, computed),
      ),
  };
}
