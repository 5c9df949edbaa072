/** A stream of bytes that is taken in pieces of the size that its reader wants, and never held as a whole. */
import { refusal } from '../../shared/api/problem.ts';

export interface ByteSource {
  /** As many bytes, or fewer at the end of the stream; they stay where they are. */
  peek(bytes: number): Promise<Uint8Array<ArrayBuffer>>;
  /** As `peek`, and the stream goes on behind them. */
  take(bytes: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function byteSource(chunks: AsyncIterator<Uint8Array>): ByteSource {
  let held = new Uint8Array(0);
  let isOver = false;

  async function fill(bytes: number): Promise<void> {
    const parts: Uint8Array[] = [held];
    let length = held.length;
    while (length < bytes && !isOver) {
      const next = await chunks.next();
      if (next.done) isOver = true;
      else {
        parts.push(next.value);
        length += next.value.length;
      }
    }
    if (parts.length === 1) return;
    held = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      held.set(part, at);
      at += part.length;
    }
  }

  return {
    async peek(bytes) {
      await fill(bytes);
      return held.slice(0, bytes);
    },
    async take(bytes) {
      await fill(bytes);
      const taken = held.slice(0, bytes);
      held = held.slice(taken.length);
      return taken;
    },
  };
}

/** Exactly so many bytes. @throws FailureError `invalid_request` when the stream ends before */
export async function takeExactly(
  source: ByteSource,
  bytes: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const taken = await source.take(bytes);
  if (taken.length === bytes) return taken;
  throw refusal('invalid_request', `the file ends within ${what}`);
}
