/** Reads a job's request where it holds nobody up: small bodies here, large ones in a thread. */

import type { Job, JobKind, JobRequest } from '../jobs/job.ts';
import { parseJob } from '../jobs/parseJob.ts';
import { inThread } from '../threads/inThread.ts';

/** A body of this size is parsed and checked in a few milliseconds. */
const SMALL = 64 * 1024;

/**
 * @param body UTF-8; a large one is handed over, and not usable afterwards
 * @throws FailureError `invalid_json`, `invalid_request`; the signal's reason
 */
export async function readJob<K extends JobKind>(
  kind: K,
  body: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Job<K>> {
  if (body.byteLength <= SMALL) return { kind, request: parseJob({ kind, body }) };
  const owned = body.byteLength === body.buffer.byteLength ? body : body.slice();
  const request = await inThread(
    'parseJob',
    { kind, body: owned },
    { signal, transfer: [owned.buffer] },
  );
  return { kind, request: request as JobRequest<K> };
}
