/** `POST /mcp`: tools for agents. Without sessions, so that any process or isolate answers any request. */
import { ITEMS_BOUNDS } from '../../shared/api/bounds.ts';
import { refusal } from '../../shared/api/problem.ts';
import { allows } from '../../shared/keys/documents.ts';
import { readScanned } from '../body/read.ts';
import { loadedModels } from '../models.ts';
import { type EdgeContext, failureOf } from '../problems.ts';
import type { Services } from '../services.ts';
import { type AskApp, createCalls } from './call.ts';
import { createCancelling } from './cancelling.ts';
import { asProblem } from './errors.ts';
import { assertOrigin } from './origin.ts';

interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: {
    readonly requestId?: unknown;
    readonly _meta?: { readonly progressToken?: unknown };
  };
}

/** @throws FailureError `invalid_request` */
function assertMessage(value: unknown): asserts value is Message {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  const detail = 'the body is one message of JSON-RPC; several at once are not taken';
  throw refusal('invalid_request', detail);
}

/** The answer, with the work stopped when whoever reads its events goes away. */
function stopping(c: EdgeContext, { body, headers, status }: Response, stop: () => void): Response {
  const through = new TransformStream<Uint8Array, Uint8Array>();
  c.set('streamed', body?.pipeTo(through.writable).catch(stop) ?? Promise.resolve());
  return new Response(through.readable, { headers, status });
}

/** Nobody waits for the answer to a cancelled call, and so its events end without one. */
const noAnswer = (): Response =>
  new Response('', { headers: { 'content-type': 'text/event-stream' } });

export function createMcpRoute(services: Services, ask: AskApp) {
  const cancelling = createCancelling();
  return async (c: EdgeContext): Promise<Response> => {
    assertOrigin(c, services);
    const { value, longTexts } = await readScanned(c.req.raw, c.get('body'), ITEMS_BOUNDS);
    assertMessage(value);
    cancelling.heed(c, value);
    const isAboutTools = value.method === 'tools/list' || value.method === 'tools/call';
    const models = isAboutTools ? await loadedModels(c, services) : [];
    const isStreamed = value.params?._meta?.progressToken !== undefined;
    const key = c.get('key')?.key;
    const { signal } = c.req.raw;
    const { serveMessage } = await import('./serve.ts');
    const { answer, stop } = await serveMessage(c.req.raw, value, isStreamed, {
      models,
      mayUse: ({ scope }) => !key || allows(key, scope),
      callsFor: (cancelled) => createCalls(c, ask, longTexts, AbortSignal.any([signal, cancelled])),
      failureOf: (error) => failureOf(error, services, c.get('requestId')),
    });
    const call = cancelling.begin(c, value);
    const cancelled = call.cancelled.then(() => {
      stop();
      return noAnswer();
    });
    const gone = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        stop();
        reject(signal.reason);
      });
    });
    gone.catch(() => {});
    const isStream = ({ headers }: Response): boolean =>
      headers.get('content-type') === 'text/event-stream';
    let goesOn = false;
    try {
      const given = await Promise.race([answer, gone, cancelled]);
      if (given.status >= 400) return await asProblem(c, given);
      if (!isStream(given)) return cancelling.named(value, given);
      goesOn = true;
      const events = stopping(c, given, stop);
      void c.get('streamed')?.finally(call.end);
      return events;
    } finally {
      if (!goesOn) call.end();
    }
  };
}
