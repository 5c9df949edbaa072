/** What an edge asks of jobs, over HTTP. */
import type { ServerResponse } from 'node:http';
import {
  type WorkerJobsAnswer,
  type WorkerJobsRequest,
  workerJobsRequestSchema,
} from '../../shared/api/jobWork.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { Consumer } from '../consumer/consumer.ts';
import type { Deliverer } from '../webhooks/deliverer.ts';
import { sendJson } from './answers.ts';

/** @throws FailureError `invalid_json`, `invalid_request` */
function read(body: Uint8Array): WorkerJobsRequest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (cause) {
    throw refusal('invalid_json', 'the body is not valid JSON', undefined, { cause });
  }
  return parseBody(workerJobsRequestSchema, json);
}

/** Both are undefined where the worker has no store that it shares with an edge. */
export interface JobServants {
  readonly consumer?: Consumer | undefined;
  readonly deliverer?: Pick<Deliverer, 'takeOf'> | undefined;
}

/**
 * @param signal aborts when the caller has gone
 */
export async function answerJobs(
  { consumer, deliverer }: JobServants,
  response: ServerResponse,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { do: asked, after, ...name } = { after: undefined, ...read(body) };
  const answer = (known: WorkerJobsAnswer): void => sendJson(response, 200, known);
  if (!consumer) return answer({ known: false, reason: 'no_store' });
  if (asked === 'deliver') {
    await deliverer?.takeOf(name.tenant, name.id);
    return answer({ known: deliverer !== undefined });
  }
  if (asked === 'take') return answer(await consumer.take(name));
  if (asked === 'cancel') return answer(consumer.cancel(name));
  const events = consumer.events(name, after, signal);
  if (!events) return answer({ known: false });
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  for await (const { id, progress } of events)
    response.write(`id: ${id}\nevent: progress\ndata: ${JSON.stringify(progress)}\n\n`);
  response.end();
}
