/** Bytes of a body -> what is asked, checked. It runs in a thread of the pool where the body is large. */
import type * as z from 'zod';
import { parseBody } from '../../shared/api/parse.ts';
import { refusal } from '../../shared/api/problem.ts';
import { JOB_SCHEMAS, type JobKind, type JobRequest } from './job.ts';

/** @throws FailureError `invalid_json`, `invalid_request` */
export function parseJob<K extends JobKind>({
  kind,
  body,
}: {
  readonly kind: K;
  readonly body: Uint8Array;
}): JobRequest<K> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw refusal('invalid_json', 'the body is not valid JSON', undefined, { cause });
  }
  const schema: z.ZodType = JOB_SCHEMAS[kind];
  return parseBody(schema, json) as JobRequest<K>;
}
