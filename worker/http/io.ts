/** Reading a request's body within a bound. */
import type { IncomingMessage } from 'node:http';
import { refusal } from '../../shared/api/problem.ts';

/** Bytes of a body at most: pictures come in base64. */
export const BODY_LIMIT = 64 * 1024 * 1024;

/**
 * The body as text. What comes beyond the limit is thrown away unread, so that the answer can still be
 * delivered.
 * @throws FailureError `too_large`
 */
export async function readBody(request: IncomingMessage, limit = BODY_LIMIT): Promise<string> {
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (): void => {
      // Keeps reading into nothing: a caller that still sends would not see the answer otherwise.
      request.removeAllListeners('data').resume();
      const detail = `a body has at most ${limit} bytes`;
      reject(refusal('too_large', detail));
    };
    if (Number(request.headers['content-length'] ?? 0) > limit) return refuse();
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) refuse();
      else chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the connection closed within the body')));
  });
}
