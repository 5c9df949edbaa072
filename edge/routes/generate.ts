/** `POST /v1/generate`: read, plan, look into the store, compute what is not there, represent. */
import { stream } from 'hono/streaming';
import {
  type GenerateRequest,
  type GenerateResponse,
  generateRequestSchema,
  type Progress,
} from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { type Outcome, orThrow, refusal, toProblem } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { describePlan } from '../../shared/plan/describe.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { planRequest, type RequestPlan } from '../../shared/plan/plan.ts';
import { followRecommended, type Recommended } from '../../shared/plan/via.ts';
import { sha256 } from '../../shared/results/content.ts';
import { isStillKept, keepTokens, linksOf } from '../../shared/results/keep.ts';
import { chainKeys, generateKey, type ResultKey } from '../../shared/results/keys.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import { negotiate, represent, type Wanted } from '../accept.ts';
import { readRequest } from '../body.ts';
import { createCoalescer } from '../dispatch/coalesce.ts';
import { normaliseInputs } from '../inputs.ts';
import { type EdgeContext, failureOf, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

interface Work {
  readonly key: ResultKey;
  readonly model: Model;
  readonly request: GenerateRequest;
  readonly plan: RequestPlan;
  readonly via: Recommended['via'];
  /** The one target that was asked for, when its bytes may be the answer. */
  readonly single: string | undefined;
  readonly wanted: Wanted;
  /** Store keys of what the chain's beginnings made; none when nothing of it is looked up or kept. */
  readonly chain: readonly string[];
  /** From the request's Cache-Control (RFC 9111, section 5.2.1). */
  readonly mayReuse: boolean;
  readonly mayStore: boolean;
}

interface Answer {
  readonly result: GenerateResponse;
  readonly cacheStatus: string;
}

/** A chain can be found again only by the seed it had, which a derived one never is for another chain. */
const isFindable = ({ keep, seed, chained }: GenerateRequest, targets: number): boolean =>
  chained && (keep === true || (typeof seed === 'number' && targets > 1));

async function prepare(c: EdgeContext, services: Services): Promise<Work> {
  const body = await readRequest(
    c.req.raw,
    services.config.FOURM_MAX_BODY_BYTES,
    ROUTES.generate.request.form,
  );
  const parsed = parseBody(generateRequestSchema, body);
  const models = orThrow(await services.dispatcher.models());
  const model = selectModel(parsed.model, models);
  const stated = {
    ...parsed,
    inputs: await resolveInputs(parsed.inputs, model, services.tokens),
  };
  // Problems point at the targets as they were stated, so these are planned for themselves first.
  const asked = planRequest(stated, model, models).stages.flatMap((stage) => stage.targets);
  const { request: resolved, via } = followRecommended(stated, model);
  const plan = planRequest(resolved, model, models);
  const request = { ...resolved, inputs: normaliseInputs(resolved.inputs, model) };
  const targets = plan.stages.flatMap((stage) => stage.targets);
  const isSingle =
    asked.length === 1 && plan.samples === 1 && request.outputs !== 'tokens' && !request.dry_run;
  const single = isSingle ? asked[0] : undefined;
  const wanted = negotiate(c.req.header('accept'), single?.entry, !request.dry_run);
  const control = (c.req.header('cache-control') ?? '').toLowerCase();
  const mayStore = !/\bno-store\b/.test(control);
  if (request.keep && !mayStore) {
    const detail = 'Cache-Control: no-store asks for nothing to be kept, and keep for the opposite';
    throw refusal('invalid_request', detail, pointerTo('keep'));
  }
  const further = plan.stages.map((stage) => stage.model).filter((other) => other !== model);
  const key = await generateKey(model, request, undefined, further);
  return {
    key,
    model,
    request,
    plan,
    via,
    single: single?.name,
    wanted,
    chain: isFindable(request, targets.length) ? await chainKeys(request, plan, key.seed) : [],
    mayReuse: mayStore && !/\bno-cache\b/.test(control),
    mayStore,
  };
}

/** `no-store` asks for nothing to be kept: it neither reads nor writes the store. */
export function createGenerateRoute(services: Services) {
  const { dispatcher, results, chains } = services;
  const running = createCoalescer<Outcome<Answer>>();

  const known = async ({ mayReuse, chain }: Work) => (mayReuse ? await chains.find(chain) : []);

  async function compute(
    c: EdgeContext,
    work: Work,
    stream?: { onProgress: (progress: Progress) => void; signal: AbortSignal },
  ): Promise<Outcome<Answer>> {
    const { key, model, request, plan, chain, mayReuse, mayStore } = work;
    const found = await known(work);
    const outcome = await dispatcher.generate(
      {
        request_id: c.get('requestId'),
        id: key.id,
        model: model.id,
        seed: key.seed,
        request,
        ...(found.length > 0 && { known: found }),
      },
      {
        traceparent: c.get('traceparent'),
        models: plan.stages.map((stage) => stage.model.id).filter((other) => other !== model.id),
        ...stream,
      },
    );
    if (!outcome.ok) return outcome;
    const result = request.keep
      ? await keepTokens(outcome.value, plan, services.tokens)
      : outcome.value;
    // A worker that was updated meanwhile answers for another digest than the key names.
    const keepable = mayStore && result.model.digest === model.digest;
    if (keepable && request.keep) {
      await chains.put(linksOf(chain, plan, result).slice(found.length));
    }
    const stored = keepable && (await results.put(key.id, result, !mayReuse));
    const reason = mayReuse ? 'fwd=miss' : 'fwd=request';
    const reused = found.length > 0 ? `; detail="reused=${found.length}"` : '';
    const cacheStatus = `4m-edge; ${reason}${stored ? '; stored' : ''}${reused}`;
    return { ok: true, value: { result, cacheStatus } };
  }

  async function dryRun(c: EdgeContext, work: Work): Promise<Response> {
    const { key, model, plan } = work;
    const reused = (await known(work)).length;
    c.header('cache-control', 'no-store');
    return c.json(withVia(describePlan(plan, { ...key, model: model.id, reused }), work));
  }

  async function lookUp(work: Work): Promise<Answer | undefined> {
    const result = work.mayReuse ? await results.get(work.key.id) : undefined;
    // A result whose kept tokens are gone is made again, which keeps them again.
    if (result && work.request.keep && !(await isStillKept(result, work.chain, services))) {
      return undefined;
    }
    return result && { result, cacheStatus: '4m-edge; hit' };
  }

  async function answer(c: EdgeContext, work: Work): Promise<Answer> {
    const found = await lookUp(work);
    if (found) return found;
    // Requests with other wishes of the cache or the time they take are other work.
    const { deadline_ms: deadline = '' } = work.request;
    const name = `${work.key.id} ${work.mayReuse} ${work.mayStore} ${deadline}`;
    const { result, joined } = running.run(name, () => compute(c, work));
    keepAlive(c, result);
    const answered = orThrow(await result);
    return joined ? { ...answered, cacheStatus: '4m-edge; fwd=miss; collapsed' } : answered;
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
        if (outcome.ok) await send('result', withVia(outcome.value.result, work));
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
      if (work.request.dry_run) return await dryRun(c, work);
      if (work.wanted.kind === 'events') return await answerEvents(c, work);
      const { result, cacheStatus } = await answer(c, work);
      const only = work.single === undefined ? undefined : result.outputs[work.single]?.[0];
      const { body, contentType } = represent(withVia(result, work), only, work.wanted);
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

/** Not stored: the request that names the same targets itself has the same result. */
const withVia = <T extends object>(answer: T, { via }: Work): T =>
  Object.keys(via).length > 0 ? { ...answer, via } : answer;

/** In Workers, work that others wait for must survive the caller that began it. */
function keepAlive(c: EdgeContext, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work.catch(() => {}));
  } catch {
    // Node has no execution context: promises live on by themselves.
  }
}
