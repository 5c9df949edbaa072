/** `POST /v1/generate`: read, validate, look into the store, compute what is not there, represent. */
import { stream } from 'hono/streaming';
import {
  type GenerateRequest,
  type GenerateResponse,
  generateRequestSchema,
  type Progress,
} from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Outcome, toProblem } from '../../shared/api/problem.ts';
import { checkGenerate, selectModel } from '../../shared/api/validate.ts';
import { generateKey, type ResultKey, sha256 } from '../../shared/cacheKey.ts';
import { negotiate, represent, type Wanted } from '../accept.ts';
import { readRequest } from '../body.ts';
import { createCoalescer } from '../dispatch/coalesce.ts';
import { normaliseInputs } from '../inputs.ts';
import { type EdgeContext, fail, failureOf, fieldErrors, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

interface Work {
  readonly key: ResultKey;
  readonly model: Model;
  readonly request: GenerateRequest;
  readonly wanted: Wanted;
  /** From the request's Cache-Control (RFC 9111, section 5.2.1). */
  readonly mayReuse: boolean;
  readonly mayStore: boolean;
}

interface Answer {
  readonly result: GenerateResponse;
  readonly cacheStatus: string;
}

async function prepare(c: EdgeContext, services: Services): Promise<Work> {
  const body = await readRequest(c.req.raw, services.config.FOURM_MAX_BODY_BYTES);
  const parsed = generateRequestSchema.safeParse(body);
  if (!parsed.success) {
    const errors = fieldErrors(parsed.error.issues);
    const first = errors[0];
    return fail({ code: 'invalid_request', detail: `${first?.pointer}: ${first?.detail}`, errors });
  }
  const models = await services.dispatcher.models();
  if (!models.ok) return fail(models.failure);
  const selected = selectModel(parsed.data.model, models.value);
  if (!selected.ok) return fail(selected.failure);
  const model = selected.value;
  const misfit = checkGenerate(parsed.data, model);
  if (misfit) return fail(misfit);
  const request = normaliseInputs(parsed.data, model);
  const wanted = negotiate(c.req.header('accept'), request, model);
  const control = (c.req.header('cache-control') ?? '').toLowerCase();
  return {
    key: await generateKey(model, request),
    model,
    request,
    wanted,
    mayReuse: !/\bno-cache\b|\bno-store\b/.test(control),
    mayStore: !/\bno-store\b/.test(control),
  };
}

/** `no-store` asks for nothing to be kept: it neither reads nor writes the store. */
export function createGenerateRoute(services: Services) {
  const { dispatcher, results } = services;
  const running = createCoalescer<Outcome<Answer>>();

  async function compute(
    c: EdgeContext,
    work: Work,
    stream?: { onProgress: (progress: Progress) => void; signal: AbortSignal },
  ): Promise<Outcome<Answer>> {
    const { key, model, request, mayReuse, mayStore } = work;
    const outcome = await dispatcher.generate(
      { request_id: c.get('requestId'), id: key.id, model: model.id, seed: key.seed, request },
      { traceparent: c.get('traceparent'), ...stream },
    );
    if (!outcome.ok) return outcome;
    // A worker that was updated meanwhile answers for another digest than the key names.
    const keepable = mayStore && outcome.value.model.digest === model.digest;
    const stored = keepable && (await results.put(key.id, outcome.value, !mayReuse));
    const reason = mayReuse ? 'fwd=miss' : 'fwd=request';
    const cacheStatus = `4m-edge; ${reason}${stored ? '; stored' : ''}`;
    return { ok: true, value: { result: outcome.value, cacheStatus } };
  }

  async function lookUp(work: Work): Promise<Answer | undefined> {
    const result = work.mayReuse ? await results.get(work.key.id) : undefined;
    return result && { result, cacheStatus: '4m-edge; hit' };
  }

  async function answer(c: EdgeContext, work: Work): Promise<Answer> {
    const found = await lookUp(work);
    if (found) return found;
    // Requests with other cache wishes are other work.
    const name = `${work.key.id} ${work.mayReuse} ${work.mayStore}`;
    const { result, joined } = running.run(name, () => compute(c, work));
    keepAlive(c, result);
    const outcome = await result;
    if (!outcome.ok) return fail(outcome.failure);
    return joined
      ? { ...outcome.value, cacheStatus: '4m-edge; fwd=miss; collapsed' }
      : outcome.value;
  }

  async function answerEvents(c: EdgeContext, work: Work): Promise<Response> {
    // Before the stream begins, so that its headers can say where the result comes from.
    const found = await lookUp(work);
    c.header('cache-status', found?.cacheStatus ?? '4m-edge; fwd=miss');
    c.header('content-type', 'text/event-stream');
    c.header('cache-control', 'no-store');
    return stream(c, async (out) => {
      const left = new AbortController();
      out.onAbort(() => left.abort());
      const send = (event: string, value: unknown): Promise<unknown> =>
        out.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
      try {
        const onProgress = (progress: Progress): void => void send('progress', progress);
        const outcome: Outcome<Answer> = found
          ? { ok: true, value: found }
          : await compute(c, work, { onProgress, signal: left.signal });
        if (outcome.ok) await send('result', outcome.value.result);
        else await send('problem', toProblem(outcome.failure, c.get('requestId'), c.req.path));
      } catch (error) {
        const failure = failureOf(error, services, c.get('requestId'));
        await send('problem', toProblem(failure, c.get('requestId'), c.req.path));
      }
    });
  }

  return async (c: EdgeContext): Promise<Response> => {
    try {
      const work = await prepare(c, services);
      if (work.wanted.kind === 'events') return await answerEvents(c, work);
      const { result, cacheStatus } = await answer(c, work);
      const { body, contentType } = represent(result, work.wanted);
      const etag = `"${await sha256(body)}"`;
      const headers = {
        'cache-status': cacheStatus,
        etag,
        vary: 'accept',
        'x-4m-result': work.key.id,
        'x-4m-seed': String(result.seed),
      };
      const known = (c.req.header('if-none-match') ?? '').split(',').map((tag) => tag.trim());
      if (known.includes(etag) || known.includes('*'))
        return c.body(null, { status: 304, headers });
      return c.body(body, { headers: { ...headers, 'content-type': contentType } });
    } catch (error) {
      return problemResponse(c, failureOf(error, services, c.get('requestId')));
    }
  };
}

/** In Workers, work that others wait for must survive the caller that began it. */
function keepAlive(c: EdgeContext, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work.catch(() => {}));
  } catch {
    // Node has no execution context: promises live on by themselves.
  }
}
