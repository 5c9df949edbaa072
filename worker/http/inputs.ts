/** What an edge asks of bytes that lie elsewhere, over HTTP. It waits for others, and so takes no slot of a job. */
import type { ServerResponse } from 'node:http';
import { parseBody } from '../../shared/api/parse.ts';
import { refusal } from '../../shared/api/problem.ts';
import { takeInputRequestSchema } from '../../shared/api/takeInput.ts';
import { jobSignal } from '../service/jobSignal.ts';
import type { JobServices } from '../service/services.ts';
import type { TakeInput } from '../sources/takeInput.ts';
import { writeJson } from './writeJson.ts';

/** Inputs that are fetched at the same time: each holds its bytes. */
const AT_ONCE = 32;

/** Those under way in a worker. */
const underWay = new WeakMap<TakeInput, number>();

export interface InputServices extends Pick<JobServices, 'stopped' | 'log'> {
  readonly takeInput?: TakeInput | undefined;
}

/**
 * @param signal aborts when the caller has gone
 * @throws FailureError as `takeInput`; `overloaded` where too many are under way
 */
export async function answerInput(
  services: InputServices,
  response: ServerResponse,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { takeInput, stopped, log } = services;
  if (!takeInput) throw refusal('not_found', 'this worker takes no inputs in');
  const request = parseBody(takeInputRequestSchema, JSON.parse(new TextDecoder().decode(body)));
  const running = underWay.get(takeInput) ?? 0;
  if (running >= AT_ONCE) {
    const detail = 'too many inputs are being fetched by this worker';
    throw refusal('overloaded', detail, undefined, { retryAfterSeconds: 2 });
  }
  underWay.set(takeInput, running + 1);
  const began = performance.now();
  const ended = jobSignal([signal, stopped]);
  try {
    const taken = await takeInput(request, ended.signal);
    const milliseconds = Math.round(performance.now() - began);
    const from = 'url' in request.source ? 'url' : 'upload';
    const { request_id } = request;
    log({ event: 'takeInput', request_id, from, status: 200, size: taken.size, milliseconds });
    response.writeHead(200, { 'content-type': 'application/json' });
    await writeJson(response, taken, ['', '']);
    response.end();
  } finally {
    ended.release();
    underWay.set(takeInput, (underWay.get(takeInput) ?? 1) - 1);
  }
}
