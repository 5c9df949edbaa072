/** The bytes of a body, within the bounds of size, memory and time. */
import { refusal } from '../../shared/api/problem.ts';
import { createPatience } from '../../shared/patience.ts';
import { join, pause, SLICE } from '../../shared/pause.ts';
import { allowedMilliseconds, type BodyLease, type BodyLimits } from './budget.ts';

export type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

const tooLarge = (limit: number) =>
  refusal('too_large', `a request body has at most ${limit} bytes`);

/**
 * All bytes. Large bodies are read in turn with everything else that the loop has to do.
 * @param announced length of the body; undefined when it is not known
 * @throws FailureError `too_large`, `too_slow`, `overloaded`
 */
export async function readBytes(
  reader: BodyReader,
  announced: number | undefined,
  { bytes: limit, seconds }: BodyLimits,
  lease: BodyLease,
): Promise<Uint8Array<ArrayBuffer>> {
  if (announced !== undefined && announced > limit) throw tooLarge(limit);
  lease.hold(0, announced ?? 0);
  const started = performance.now();
  const patience = createPatience();
  const chunks: Uint8Array[] = [];
  let [length, paused] = [0, 0];
  for (;;) {
    const next = await patience.await(reader.read(), allowedMilliseconds(length, seconds));
    if (!next) {
      const passed = Math.round((performance.now() - started) / 1000);
      throw refusal('too_slow', `only ${length} bytes of the body came in ${passed} seconds`);
    }
    if (next.done) return await join(chunks, length);
    length += next.value.byteLength;
    if (length > limit) throw tooLarge(limit);
    lease.hold(next.value.byteLength, Math.max(0, (announced ?? 0) - length));
    chunks.push(next.value);
    if (length - paused < SLICE) continue;
    paused = length;
    await pause();
  }
}

/** A body that is announced as no longer is read in one step, which platforms do in a fraction of the time. */
export const SHORT_BODY = 64 * 1024;

/** All bytes of a short body, which are counted already. @throws FailureError `too_slow` */
export async function readShort(
  request: Request,
  announced: number,
  { seconds }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const started = performance.now();
  const read = request.arrayBuffer();
  const bytes = await createPatience().await(read, allowedMilliseconds(announced, seconds));
  if (bytes) return new Uint8Array(bytes);
  const passed = Math.round((performance.now() - started) / 1000);
  throw refusal('too_slow', `the body's ${announced} bytes did not come in ${passed} seconds`);
}

/** What a body that is read as it comes may hold: a piece that is sent, and the one behind it. */
const STREAM_BYTES = 6_000_000;
/** A client may take as long as this share of a whole body's time for the next bytes. */
const NEXT_SHARE = 1 / 4;
/** Bytes a second that a client must bring on average, beyond a whole body's time. */
const LEAST_STREAM_RATE = 1000;

/**
 * The bytes as they come.
 * @throws FailureError `too_slow` when nothing comes for a while, or far too little; `overloaded`
 */
export async function* streamBytes(
  reader: BodyReader,
  { bytes, seconds }: BodyLimits,
  lease: BodyLease,
): AsyncGenerator<Uint8Array> {
  lease.hold(Math.min(STREAM_BYTES, bytes));
  const wait = seconds * NEXT_SHARE;
  let [waited, length] = [0, 0];
  for (;;) {
    const patience = createPatience();
    const next = await patience.await(reader.read(), wait * 1000);
    if (!next) throw refusal('too_slow', `nothing of the body came for ${wait} seconds`);
    if (next.done) return;
    // A client that is made to wait by what is done with its bytes does not lose its time by that.
    waited += patience.waited();
    length += next.value.byteLength;
    if (waited > (seconds + length / LEAST_STREAM_RATE) * 1000) {
      const passed = Math.round(waited / 1000);
      throw refusal('too_slow', `only ${length} bytes of the body came in ${passed} seconds`);
    }
    yield next.value;
  }
}
