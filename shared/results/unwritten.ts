/**
 * Results that are answered while they are being written: whoever asks this edge for one of them is given it from memory,
 * and whoever needs it in the store waits for it. Only a store whose last write succeeded is believed to take the next one. When
 * that belief was wrong, the write is tried again, and the result is given from memory meanwhile.
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
/** Milliseconds before each further try at a write that has been believed. */
const PAUSES = [1000, 4000, 15_000, 40_000];

type Held = Omit<StoredResult<unknown>, 'ageSeconds'>;

interface Writing extends Held {
  /** Whether the try that is under way, or was the last, could write it. */
  end: Promise<boolean>;
  /** Whether there are no further tries. */
  over: Promise<boolean>;
  /** Ends the pause before the next try. */
  hurry: () => void;
}

export interface Unwritten {
  /** A result that is being written. */
  find(name: ResultName): Held | undefined;
  /** @returns whether it is stored, or is going to be */
  write(name: ResultName, held: Held, work: () => Promise<boolean>): Promise<boolean>;
  /** Resolves when no try at writing it is under way. @returns false when it could not be written */
  settle(name: ResultName): Promise<boolean>;
  /** Does not try any more to write a result. @returns whether it was held */
  forget(name: ResultName): boolean;
  /** Resolves when all are written; each is tried once more at most. */
  close(): Promise<void>;
}

/**
 * @param waits whether every write is waited for
 * @param pauses milliseconds before each further try
 */
export function createUnwritten(waits = isWorker, pauses: readonly number[] = PAUSES): Unwritten {
  const writing = new Map<string, Writing>();
  let isBelieved = false;
  let isClosing = false;

  async function written(work: () => Promise<boolean>, before?: Promise<unknown>) {
    // The answer goes first, which does not need it.
    if (isBelieved) await pause();
    await before;
    isBelieved = await work();
    return isBelieved;
  }

  /** Resolves after a pause, or when there is no time for it any more. */
  const later = async (own: Writing, milliseconds: number): Promise<void> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      own.hurry = resolve;
      timer = setTimeout(resolve, isClosing ? 0 : milliseconds);
    });
    clearTimeout(timer);
  };

  /** @returns whether it could be written at last */
  async function untilWritten(key: string, own: Writing, work: () => Promise<boolean>) {
    for (const milliseconds of pauses) {
      if (await own.end) return true;
      await later(own, milliseconds);
      // A newer result has its place, or nobody wants it any more.
      if (writing.get(key) !== own) return false;
      const isLast = isClosing;
      own.end = work();
      isBelieved = await own.end;
      if (isLast) break;
    }
    return await own.end;
  }

  return {
    find: (name) => writing.get(resultKey(name)),
    async write(name, held, work) {
      if (waits) return await work();
      const key = resultKey(name);
      const isSoon = isBelieved && writing.size < MOST;
      const before = writing.get(key);
      const end = written(work, before?.end);
      const own: Writing = { ...held, end, over: end, hurry: () => {} };
      writing.set(key, own);
      before?.hurry();
      const over = (isSoon ? untilWritten(key, own, work) : end).finally(() => {
        if (writing.get(key) === own) writing.delete(key);
      });
      own.over = over;
      return isSoon ? true : await over;
    },
    settle: async (name) => (await writing.get(resultKey(name))?.end) ?? true,
    forget: (name) => {
      const key = resultKey(name);
      writing.get(key)?.hurry();
      return writing.delete(key);
    },
    async close() {
      isClosing = true;
      while (writing.size > 0) {
        for (const { hurry } of writing.values()) hurry();
        await Promise.all([...writing.values()].map(({ over }) => over));
      }
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
