/** A request to generate -> what is wanted: the plan, the result's key, the form of the answer. */
import { type GenerateRequest, generateRequestSchema } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { planRequest, type RequestPlan } from '../../shared/plan/plan.ts';
import type { StageTarget } from '../../shared/plan/targets.ts';
import { followRecommended, type Recommended } from '../../shared/plan/via.ts';
import { chainKeys, generateKey, type ResultKey } from '../../shared/results/keys.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import { negotiate, type Wanted } from '../accept.ts';
import type { Files } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { readCacheControl } from '../cacheControl.ts';
import { runOf } from '../compute/run.ts';
import type { Wish } from '../compute/task.ts';
import { normaliseInputs } from '../inputs.ts';
import { assertServed } from '../licence.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createSources } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';

export interface GenerateWish extends Wish {
  readonly key: ResultKey;
  readonly model: Model;
  readonly request: GenerateRequest;
  /** What the request names in `data` and `mask`. */
  readonly files: Files;
  readonly plan: RequestPlan;
  /** Targets that are made on the way to others, as the model recommends. */
  readonly via: Recommended['via'];
  /** The one target that was asked for, when its bytes may be the answer. */
  readonly single: string | undefined;
  /** Store keys of what the chain's beginnings made; none when nothing of it is looked up or kept. */
  readonly chain: readonly string[];
}

/** A chain can be found again only by the seed it had, which a derived one never is for another chain. */
const isFindable = ({ keep, seed, chained }: GenerateRequest, targets: number): boolean =>
  chained && (keep === true || (typeof seed === 'number' && targets > 1));

/** Whether nothing of a request is drawn, looked up in the store or fetched. */
const isLasting = ({ seed, inputs }: GenerateRequest, sources: object): boolean =>
  seed !== 'random' &&
  Object.keys(sources).length === 0 &&
  Object.values(inputs).every((value) => typeof value === 'string' || !('ref' in value));

/** The target whose bytes alone can be answered, when no other was asked for. */
function singleTarget(request: GenerateRequest, asked: RequestPlan): StageTarget | undefined {
  const [target, ...others] = asked.stages.flatMap((stage) => stage.targets);
  const isSingle = others.length === 0 && asked.samples === 1;
  return isSingle && request.outputs !== 'tokens' && !request.dry_run ? target : undefined;
}

/** Not stored: the request that names the same targets itself has the same result. */
export const withVia = <T extends object>(answer: T, { via }: GenerateWish): T =>
  Object.keys(via).length > 0 ? { ...answer, via } : answer;

/**
 * What a parsed request to generate wants.
 * @param form of the answer; what the headers say when left out
 * @throws FailureError for everything that is wrong with it
 */
export async function generateWish(
  c: EdgeContext,
  services: Services,
  parsed: GenerateRequest,
  files: Files,
  form?: Wanted,
): Promise<GenerateWish> {
  const run = runOf(parsed, services);
  const { model, models } = await chooseModel(c, services, parsed.model);
  const tenant = tenantOf(c);
  const inputs = await resolveInputs(parsed.inputs, model, services.keptFor(tenant).tokens);
  // Problems point at the targets as they were stated, so these are planned for themselves first.
  const asked = planRequest({ ...parsed, inputs }, model, models);
  const { request: resolved, via } = followRecommended({ ...parsed, inputs }, model);
  const isAsAsked = Object.keys(via).length === 0;
  const plan = isAsAsked ? asked : planRequest(resolved, model, models);
  const further = plan.stages.map((stage) => stage.model).filter((other) => other !== model);
  assertServed(c, services, further);
  const sources = createSources(c, services, files, parsed.deadline_ms);
  const settled = await sources.settle(resolved.inputs);
  const request = { ...resolved, inputs: normaliseInputs(settled, model, files) };
  const single = singleTarget(request, asked);
  const wanted = form ?? negotiate(c.req.header('accept'), single?.entry, request.dry_run !== true);
  const cache = readCacheControl(c.req.header('cache-control'));
  if (request.keep && !cache.mayStore) {
    const detail = 'Cache-Control: no-store asks for nothing to be kept, and keep for the opposite';
    throw refusal('invalid_request', detail, pointerTo('keep'));
  }
  const digests = await files.digests();
  const key = await generateKey(model, request, undefined, further, digests);
  const targets = plan.stages.flatMap((stage) => stage.targets).length;
  const chain = isFindable(request, targets)
    ? await chainKeys(request, plan, key.seed, digests)
    : [];
  return {
    tenant,
    key,
    models: [model, ...further],
    began: sources.began,
    ...run,
    isLasting: isLasting(parsed, sources.found()),
    model,
    request,
    files,
    plan,
    via,
    single: single?.name,
    wanted,
    cache,
    chain,
    sources: sources.found(),
  };
}

/** @throws FailureError for everything that is wrong with the request */
export async function readWish(c: EdgeContext, services: Services): Promise<GenerateWish> {
  const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.generate.request);
  return await generateWish(c, services, parseBody(generateRequestSchema, value), files);
}
