/** The task of generating: what a worker is asked, which targets of a chain are there already, what is kept. */
import {
  type GenerateResponse,
  generateResponseSchema,
  type PlannedTarget,
} from '../../shared/api/generate.ts';
import { withoutRunFields } from '../../shared/api/runFields.ts';
import type { ReusedTarget, WorkerGenerateRequest } from '../../shared/api/worker.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { dryRunResponse, scheduleOf } from '../../shared/plan/dryRun.ts';
import { isStillKept, keepTokens, linksOf } from '../../shared/results/keep.ts';
import type { Task } from '../compute/task.ts';
import { GENERATE } from '../dispatch/tasks.ts';
import { pixelsOf } from '../inputs.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { type GenerateWish, withVia } from './read.ts';

/** What a worker is asked. */
function asked({ key, model, request }: GenerateWish, requestId: string): WorkerGenerateRequest {
  const { id, seed } = key;
  return { request_id: requestId, id, model: model.id, seed, request: withoutRunFields(request) };
}

/** How the targets were made; results that were stored before they said it are of the same plan. */
const schedule = ({ plan }: GenerateWish, result: GenerateResponse): readonly PlannedTarget[] =>
  result.schedule ?? scheduleOf(plan);

/** @param read the request, of this API unless it says otherwise */
export function generateTask<W extends GenerateWish = GenerateWish>(
  services: Services,
  read: (c: EdgeContext) => Promise<W>,
): Task<W, GenerateResponse> {
  const { dispatcher, keptFor } = services;

  /** Targets of the chain that were made before. */
  const findChain = async ({ tenant, cache, chain }: GenerateWish): Promise<ReusedTarget[]> =>
    cache.mayReuse ? await keptFor(tenant).chains.find(chain) : [];

  return {
    schema: generateResponseSchema,
    read,
    async dryRun(wish) {
      const { key, model, plan, request, files } = wish;
      const reused = (await findChain(wish)).length;
      const pixels = pixelsOf(request.inputs, files);
      return withVia(dryRunResponse(plan, { ...key, model: model.id, reused, pixels }), wish);
    },
    async unitsNow(wish) {
      const { plan, request, files } = wish;
      const reused = (await findChain(wish)).length;
      return costOf(plan, reused, pixelsOf(request.inputs, files)).units;
    },
    units: ({ plan, request, files }) => costOf(plan, 0, pixelsOf(request.inputs, files)).units,
    async run(wish, { requestId, traceparent, turn }, { signal, emit }) {
      const { tenant, model, request, files, plan, chain } = wish;
      const { tokens, chains } = keptFor(tenant);
      const reusable = await findChain(wish);
      const computed = await dispatcher.run(
        GENERATE,
        { ...asked(wish, requestId), ...(reusable.length > 0 && { reused: reusable }) },
        {
          traceparent,
          turn,
          signal,
          onProgress: emit,
          files,
          models: plan.stages.map((stage) => stage.model.id).filter((other) => other !== model.id),
        },
      );
      const result = request.keep ? await keepTokens(computed, plan, tokens) : computed;
      return {
        result,
        ...(reusable.length > 0 && { detail: `reused=${reusable.length}` }),
        ...(request.keep && {
          keep: () => chains.put(linksOf(chain, plan, result).slice(reusable.length)),
        }),
      };
    },
    job: (wish, { requestId }) => ({
      task: 'generate',
      request: asked(wish, requestId),
      files: wish.files,
      keep: { tokens: wish.request.keep === true, chain: [...wish.chain] },
      view: withVia({}, wish),
    }),
    madeBy: ({ model, further_models = [] }) => [model, ...further_models],
    // A result whose kept tokens are gone is made again, which keeps them again.
    isWhole: async ({ tenant, request, chain }, result) =>
      !request.keep || (await isStillKept(result, chain, keptFor(tenant))),
    schedule,
    view: (wish, result) => withVia(result, wish),
    single: ({ single }, { outputs }) => (single === undefined ? undefined : outputs[single]?.[0]),
  };
}
