/**
 * What becomes of the rest of a body that is not wanted. A connection that is closed while its client still
 * sends is reset, which can lose the answer; so the rest is read and dropped, within bounds. Each such body gets
 * a slot of time, one behind the other, so that any number of them costs no more than one. The slots are booked
 * by arithmetic, and nobody waits for another's end: a Worker must not resume another request.
 */
import { createPatience } from '../../shared/patience.ts';
import type { BodyReader } from './stream.ts';

/** Of one body so much is dropped, and in so many milliseconds. */
const MOST_BYTES = 64_000_000;
const MOST_MILLISECONDS = 2000;
/** Bytes of all bodies together that are dropped in a millisecond. */
const RATE = MOST_BYTES / MOST_MILLISECONDS;
/** Bytes between two looks at the rate. */
const STEP = 256 * 1024;
/** A body whose slot would begin later gets none. */
const LONGEST_WAIT = 10_000;
/** Time to read the answer for a client that gets no slot. */
const FAREWELL = 1000;
/** A rest that is not longer is dropped before the answer, so that the connection can be used again. */
const SHORT_REST = 256 * 1024;

export interface Refused {
  readonly reader: BodyReader;
  /** Bytes of the body that have not come, by its announcement. */
  readonly rest: number | undefined;
}

export interface DroppedBodies {
  /** The answer to send: `response` itself, or one that ends when the rest of the body was dropped. */
  answer(response: Response, refused: Refused): Promise<Response>;
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @returns whether all of it came, so that the connection can be used again */
async function drop(reader: BodyReader): Promise<boolean> {
  const patience = createPatience();
  const begin = performance.now();
  let [dropped, looked] = [0, 0];
  while (dropped < MOST_BYTES) {
    const next = await patience.await(reader.read(), MOST_MILLISECONDS);
    if (!next) return false;
    if (next.done) return true;
    dropped += next.value.byteLength;
    if (dropped - looked < STEP) continue;
    looked = dropped;
    await sleep(begin + dropped / RATE - performance.now());
  }
  return false;
}

const dropQuietly = (reader: BodyReader): Promise<boolean> => drop(reader).catch(() => false);

/** The same answer, said at once and as a whole, whose stream ends when `done` does. */
function endingWith(response: Response, bytes: Uint8Array, done: Promise<unknown>): Response {
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(bytes);
      await done;
      // A client that has gone has closed the stream.
      try {
        controller.close();
      } catch {}
    },
  });
  const headers = new Headers(response.headers);
  headers.set('connection', 'close');
  headers.set('content-length', String(bytes.byteLength));
  return new Response(body, { status: response.status, headers });
}

/** No slot is taken yet. */
export function createDroppedBodies(): DroppedBodies {
  let free = 0;

  /** When the slot begins and ends; undefined when it would begin too late. */
  function book(bytes: number): { readonly begin: number; readonly end: number } | undefined {
    const now = performance.now();
    const begin = Math.max(now, free);
    if (begin - now > LONGEST_WAIT) return undefined;
    free = begin + Math.min(bytes / RATE, MOST_MILLISECONDS);
    return { begin, end: free };
  }

  async function dropInTurn(reader: BodyReader, bytes: number): Promise<void> {
    const slot = book(bytes);
    await sleep(slot ? slot.begin - performance.now() : FAREWELL);
    if (!slot) return;
    await dropQuietly(reader);
    // Most bodies end before what was announced, and those behind them need not wait for what never comes.
    free -= Math.max(0, slot.end - performance.now());
  }

  return {
    async answer(response, { reader, rest = Number.POSITIVE_INFINITY }) {
      if (rest <= SHORT_REST || !response.body) {
        if (!(await dropQuietly(reader))) response.headers.set('connection', 'close');
        return response;
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      return endingWith(response, bytes, dropInTurn(reader, rest));
    },
  };
}
