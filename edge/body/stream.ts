/** The bytes of a body, within the bounds of size, memory and time; and what becomes of a refused one. */
import { refusal } from '../../shared/api/problem.ts';
import { join } from '../../shared/pause.ts';
import { allowedMilliseconds, type BodyLease, type BodyLimits } from './budget.ts';

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** Of a refused body so much is read and dropped, for so long. */
const DROPPED_BYTES = 64_000_000;
const DROPPING_MILLISECONDS = 2000;

/** The next chunk; undefined when it does not come in time. */
async function nextWithin(reader: Reader, milliseconds: number) {
  if (milliseconds <= 0) return undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  const next = reader.read();
  try {
    return await Promise.race([next, late]);
  } finally {
    clearTimeout(timer);
    // A chunk that comes too late, or a connection that breaks then, is nobody's any more.
    next.catch(() => {});
  }
}

/** All bytes. @throws FailureError `too_large`, `too_slow`, `overloaded` */
export async function readBytes(
  reader: Reader,
  announced: number,
  { bytes: limit, seconds }: BodyLimits,
  lease: BodyLease,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => refusal('too_large', `a request body has at most ${limit} bytes`);
  if (announced > limit) throw tooLarge();
  const started = performance.now();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const left = allowedMilliseconds(length, seconds) - (performance.now() - started);
    const next = await nextWithin(reader, left);
    if (!next) {
      const detail = `only ${length} bytes of the body came in ${Math.round((performance.now() - started) / 1000)} seconds`;
      throw refusal('too_slow', detail);
    }
    if (next.done) break;
    length += next.value.byteLength;
    if (length > limit) throw tooLarge();
    lease.hold(next.value.byteLength);
    chunks.push(next.value);
  }
  return await join(chunks, length);
}

/**
 * Reads and drops what is left of a body that is not wanted, within bounds: a connection that is answered
 * while its client still sends is reset, which loses the answer, and in `wrangler dev` the next one.
 * @returns false when not all of it came, so that the connection cannot be used again
 */
export async function dropRest(reader: Reader): Promise<boolean> {
  const until = performance.now() + DROPPING_MILLISECONDS;
  let dropped = 0;
  try {
    for (;;) {
      const next = await nextWithin(reader, until - performance.now());
      if (next?.done) return true;
      dropped += next?.value.byteLength ?? DROPPED_BYTES;
      if (dropped >= DROPPED_BYTES) return false;
    }
  } catch {
    return false;
  }
}
