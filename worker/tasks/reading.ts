/** What the reading of one request's inputs shares: its end, what it may still decode, what it found. */
import { refusal } from '../../shared/api/problem.ts';
import type { Warning } from '../../shared/api/warning.ts';
import type { Lane } from '../threads/inThread.ts';

/** Pixels of all pictures and masks of a request at most. */
export const REQUEST_PIXELS = 100_000_000;
/** Pixels or bytes from which work on a file takes long. */
const LONG = 4_000_000;

export interface Reading {
  /** Stops what is under way; its reason is thrown. */
  readonly signal: AbortSignal | undefined;
  /** Counts the pixels of a picture before they are decoded. @throws FailureError `image_too_large` */
  readonly countPixels: (pixels: number, at: string) => void;
  /** Pixels counted so far. */
  readonly pixels: () => number;
  /** Takes a warning, each once. */
  readonly warn: (warning: Warning) => void;
  readonly warnings: readonly Warning[];
  /** Takes a look at an input that may warn, and that nothing else waits for. */
  readonly beside: (look: Promise<void>) => void;
  /** Resolves when all such looks have ended. @throws what one of them has thrown */
  readonly looked: () => Promise<void>;
  /** Words of a text that the vocabulary lacks, in their order, by the model's own name of the input. */
  readonly unknownWords: Map<string, readonly string[]>;
}

export function startReading(signal?: AbortSignal): Reading {
  const warnings: Warning[] = [];
  const counted = new Map<string, number>();
  const looks: Promise<void>[] = [];
  const total = (): number => [...counted.values()].reduce((sum, count) => sum + count, 0);
  return {
    signal,
    pixels: total,
    warnings,
    unknownWords: new Map(),
    beside(look) {
      // A request that fails otherwise ends without asking what became of it.
      look.catch(() => {});
      looks.push(look);
    },
    async looked() {
      await Promise.all(looks);
    },
    countPixels(pixels, at) {
      // A second model reads the same inputs again.
      counted.set(at, pixels);
      if (total() <= REQUEST_PIXELS) return;
      const detail = `the pictures and masks of the request have more than ${REQUEST_PIXELS} pixels together`;
      throw refusal('image_too_large', detail, at);
    },
    warn(warning) {
      const isKnown = warnings.some(
        ({ code, detail, pointer }) =>
          code === warning.code && detail === warning.detail && pointer === warning.pointer,
      );
      if (!isKnown) warnings.push(warning);
    },
  };
}

/** The lane of work on a file. @param size its pixels or bytes */
export const laneOf = (size: number): Lane => (size > LONG ? 'long' : 'short');
