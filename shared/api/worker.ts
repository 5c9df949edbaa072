/**
 * The internal API between edge and worker:
 *   GET  /v2/health/live, /v2/health/ready   (KServe Open Inference Protocol), not authenticated
 *   GET  /internal/models                    -> ModelsResponse
 *   POST /internal/generate                  WorkerGenerateRequest -> GenerateResponse, or with
 *        `Accept: text/event-stream`: events `progress` (Progress), then `result` (GenerateResponse) or
 *        `problem` (Failure)
 * A failure is answered with the code's status and a `Failure` as JSON; a full worker answers 503
 * `overloaded` with Retry-After at once. Requests carry `x-4m-timestamp` (unix seconds) and
 * `x-4m-signature`, see `signInternal`.
 */
import { z } from 'zod';
import { generateRequestSchema } from './generate.ts';

export const workerGenerateRequestSchema = z.object({
  request_id: z.string(),
  /** The result's id (cache key); the worker echoes it. */
  id: z.string(),
  model: z.string(),
  /** Settled by the edge, so that the worker is a pure function of this request. */
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  request: generateRequestSchema,
});
export type WorkerGenerateRequest = z.input<typeof workerGenerateRequestSchema>;

const encoder = new TextEncoder();
const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');

/** HMAC-SHA256 in hex over `timestamp.path.body`. */
export async function signInternal(
  secret: string,
  timestamp: number,
  path: string,
  body: string,
): Promise<string> {
  const key = await crypto.subtle.importKey(
    'raw',
    encoder.encode(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  return hex(await crypto.subtle.sign('HMAC', key, encoder.encode(`${timestamp}.${path}.${body}`)));
}

/** True when the signature fits and the timestamp is within 300 s of `now` (unix seconds). */
export async function verifyInternal(
  secret: string,
  timestamp: number,
  path: string,
  body: string,
  signature: string,
  now: number,
): Promise<boolean> {
  if (!Number.isFinite(timestamp) || Math.abs(now - timestamp) > 300) return false;
  const expected = await signInternal(secret, timestamp, path, body);
  if (expected.length !== signature.length) return false;
  let difference = 0;
  for (let i = 0; i < expected.length; i++)
    difference |= expected.charCodeAt(i) ^ signature.charCodeAt(i);
  return difference === 0;
}
