/**
 * What the encoder gave of states that were asked for more than once: people ask for several things of one picture, and
 * the steps of a generation make states that nobody asks for again.
 */

/** Bytes that are kept at most: of 250 pictures of the demo model, of 27 of 4M-B. */
const MOST_BYTES = 2 ** 24;
/** States of which is known how often they were asked for. */
const MOST_STATES = 1024;

export interface GivenAgain {
  /** A state is asked for. @param key see `stateKey` */
  readonly ask: (key: string) => void;
  /** Whether it was asked for more than once. */
  readonly isFamiliar: (key: string) => boolean;
  /** Keeps the context of a familiar state (tokens, D), and of others nothing. */
  readonly keep: (key: string, context: Float32Array) => void;
  readonly find: (key: string) => Float32Array | undefined;
}

export function createGivenAgain(): GivenAgain {
  /** Whether a state is familiar. What was used last is last, here and below. */
  const asked = new Map<string, boolean>();
  const kept = new Map<string, Float32Array>();
  let bytes = 0;

  function use(key: string, context: Float32Array): void {
    bytes += context.byteLength - (kept.get(key)?.byteLength ?? 0);
    kept.delete(key);
    kept.set(key, context);
    for (const [oldest, { byteLength }] of kept) {
      if (bytes <= MOST_BYTES) break;
      kept.delete(oldest);
      bytes -= byteLength;
    }
  }

  return {
    ask(key) {
      const isKnown = asked.delete(key);
      asked.set(key, isKnown);
      const [oldest] = asked.keys();
      if (asked.size > MOST_STATES && oldest !== undefined) asked.delete(oldest);
    },
    isFamiliar: (key) => asked.get(key) === true,
    keep(key, context) {
      if (asked.get(key)) use(key, context);
    },
    find(key) {
      const context = kept.get(key);
      if (context) use(key, context);
      return context;
    },
  };
}
