/** Reading a request's body within bounds. */
import type { IncomingMessage } from 'node:http';
import { refusal } from '../../shared/api/problem.ts';
import { createPatience } from '../../shared/patience.ts';

/** Time for a body at the least, and the slowest rate beyond it. */
const LEAST_MILLISECONDS = 5_000;
const BYTES_A_MILLISECOND = 1_000;

/**
 * The body's bytes, in a buffer of their own.
 * @param length bytes that the body was said to have; not one more is kept
 * @throws FailureError `invalid_request` when it has another length, or does not arrive in time
 */
export async function readBody(
  request: IncomingMessage,
  length: number,
  leastMilliseconds = LEAST_MILLISECONDS,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = new Uint8Array(length);
  let size = 0;
  const milliseconds = leastMilliseconds + Math.ceil(length / BYTES_A_MILLISECOND);
  const misfit = (what: string) => refusal('invalid_request', `the body ${what}`);
  const whole = new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      if (size + chunk.length > length)
        return reject(misfit(`has more than the ${length} bytes signed`));
      body.set(chunk, size);
      size += chunk.length;
    });
    request.once('end', () => {
      if (size < length) reject(misfit(`has ${size} bytes of the ${length} signed`));
      else resolve(body);
    });
    request.once('error', reject);
    request.once('close', () => reject(new Error('the connection closed within the body')));
  });
  try {
    const read = await createPatience().await(whole, milliseconds);
    if (read) return read;
    throw misfit(`did not arrive within ${milliseconds} ms`);
  } finally {
    request.removeAllListeners('data').removeAllListeners('end');
  }
}
