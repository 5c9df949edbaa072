/** Pictures that no other test has. */
import { createHash } from 'node:crypto';
import { PNG } from './fakeWorker.ts';

export interface FreshPicture {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly sha256: string;
  readonly url: string;
}

/** A PNG of one pixel, with bytes behind its end that make it another file. @param length of the whole */
export function freshPicture(length = PNG.length + 16): FreshPicture {
  const rest = Buffer.from(crypto.getRandomValues(new Uint8Array(Math.min(16, length))));
  const bytes = Buffer.concat([PNG, rest, Buffer.alloc(Math.max(0, length - PNG.length - 16))]);
  return {
    bytes,
    // By Node's own hash, and not ours.
    sha256: createHash('sha256').update(bytes).digest('hex'),
    url: `data:image/png;base64,${bytes.toString('base64')}`,
  };
}
