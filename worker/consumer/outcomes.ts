/** What belongs to the result of a job beside computing it: what is looked up before, and what is kept after. */
import { type ClassifyResponse, classifyResponseSchema } from '../../shared/api/classify.ts';
import { type EmbedResponse, embedResponseSchema } from '../../shared/api/embed.ts';
import { type GenerateResponse, generateResponseSchema } from '../../shared/api/generate.ts';
import { type Head, headSchema } from '../../shared/api/heads.ts';
import type { JobTask } from '../../shared/api/jobs.ts';
import type { Model } from '../../shared/api/models.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { fromBase64 } from '../../shared/base64.ts';
import { createHeadStore } from '../../shared/heads/headStore.ts';
import type { JobDocument } from '../../shared/jobs/job.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { createChains } from '../../shared/results/chains.ts';
import { isStillKept, keepTokens, linksOf } from '../../shared/results/keep.ts';
import { createTokenStore } from '../../shared/results/keptTokens.ts';
import type { KeyedModel } from '../../shared/results/keys.ts';
import {
  createResultCache,
  type ResultCache,
  type ResultName,
} from '../../shared/results/results.ts';
import type { Store } from '../../shared/store/store.ts';
import type { JobRequest } from '../jobs/job.ts';
import type { JobResults } from '../service/jobType.ts';

interface Stored {
  readonly generate: GenerateResponse;
  readonly embed: EmbedResponse;
  readonly classify: ClassifyResponse;
  readonly fitHead: Head;
}

export interface Outcomes<K extends JobTask> {
  /** The stored result, where all that belongs to it is there. */
  find(job: JobDocument): Promise<object | undefined>;
  /** The request with what earlier ones have made of it. */
  prepare(job: JobDocument, request: JobRequest<K>): Promise<JobRequest<K>>;
  /**
   * Keeps a result under the key of its job.
   * @throws FailureError `model_not_loaded` when another version of a model made it, `store_unavailable`
   */
  keep(
    job: JobDocument,
    request: JobRequest<K>,
    result: JobResults[K],
    models: readonly Model[],
  ): Promise<void>;
}

interface Special<K extends JobTask> {
  readonly isWhole?: (job: JobDocument, result: Stored[K]) => Promise<boolean>;
  readonly prepare?: Outcomes<K>['prepare'];
  /** The result as it is stored, and what is to be done when it is. */
  readonly settle: (
    job: JobDocument,
    request: JobRequest<K>,
    result: JobResults[K],
    models: readonly Model[],
  ) => Promise<{ readonly result: Stored[K]; readonly keep?: () => Promise<void> }>;
  readonly madeBy: (result: Stored[K]) => readonly KeyedModel[];
}

const isSame =
  (a: KeyedModel) =>
  (b: KeyedModel): boolean =>
    a.id === b.id && a.digest === b.digest;

/** Where the result of a job lies. */
const nameOf = ({ tenant, result: { id, scope = tenant } }: JobDocument): ResultName => ({
  scope,
  id,
});

function outcomesOf<K extends JobTask>(
  cache: ResultCache<Stored[K]>,
  special: Special<K>,
): Outcomes<K> {
  const outcomes: Outcomes<K> = {
    async find(job) {
      const stored = await cache.get(nameOf(job));
      if (!stored) return undefined;
      const isWhole = (await special.isWhole?.(job, stored.result)) ?? true;
      return isWhole ? stored.result : undefined;
    },
    prepare: async (job, request) => (await special.prepare?.(job, request)) ?? request,
    async keep(job, request, computed, models) {
      const { result, keep } = await special.settle(job, request, computed, models);
      const isKeyed = special.madeBy(result).every((made) => job.result.models.some(isSame(made)));
      if (!isKeyed) {
        const detail = 'a model of this job was replaced while it ran; ask for it again';
        throw new FailureError({ code: 'model_not_loaded', detail });
      }
      await keep?.();
      // What lacks something that belongs to it is replaced, as is what its caller wanted anew. Another worker's result
      // of this job stays, since callers may have seen it.
      const isLacking =
        special.isWhole !== undefined &&
        (await cache.get(nameOf(job))) !== undefined &&
        (await outcomes.find(job)) === undefined;
      const made = { at: Date.now(), requestId: job.request_id };
      if (await cache.put(nameOf(job), result, job.result.replace || isLacking, made)) return;
      const detail = 'the store is out of order, so the result cannot be kept now';
      throw new FailureError({ code: 'store_unavailable', detail, retryAfterSeconds: 5 });
    },
  };
  return outcomes;
}

/** @param log one line for the operator */
export function createOutcomes(
  store: Store,
  log: (line: string) => void,
): { readonly [K in JobTask]: Outcomes<K> } {
  /** What is kept in the scope of a job's result. */
  const keptOf = (job: JobDocument) => {
    const { scope } = nameOf(job);
    return {
      tokens: createTokenStore(store, scope, log),
      chains: createChains(store, scope, log),
    };
  };
  return {
    generate: outcomesOf<'generate'>(createResultCache(store, generateResponseSchema, log), {
      isWhole: async (job, result) =>
        !job.keep?.tokens || (await isStillKept(result, job.keep.chain, keptOf(job))),
      async prepare(job, request) {
        const { keep, result } = job;
        const reused = keep && !result.replace ? await keptOf(job).chains.find(keep.chain) : [];
        return reused.length > 0 ? { ...request, reused } : request;
      },
      async settle(job, { request, model: name, reused = [] }, computed, models) {
        const { keep } = job;
        if (!keep?.tokens) return { result: computed };
        const { tokens, chains } = keptOf(job);
        const plan = planRequest(request, selectModel(name, models), models);
        const result = await keepTokens(computed, plan, tokens);
        const links = linksOf(keep.chain, plan, result).slice(reused.length);
        return { result, keep: () => chains.put(links) };
      },
      madeBy: ({ model, further_models = [] }) => [model, ...further_models],
    }),
    embed: outcomesOf<'embed'>(createResultCache(store, embedResponseSchema, log), {
      settle: async (_, __, result) => ({ result }),
      madeBy: ({ model }) => [model],
    }),
    classify: outcomesOf<'classify'>(createResultCache(store, classifyResponseSchema, log), {
      settle: async (_, __, result) => ({ result }),
      madeBy: ({ model }) => [model],
    }),
    fitHead: outcomesOf<'fitHead'>(createResultCache(store, headSchema, log), {
      async isWhole({ tenant }, { name, version }) {
        try {
          await createHeadStore(store, tenant, log).find(name, version);
          return true;
        } catch (error) {
          if (error instanceof FailureError && error.failure.code === 'unknown_head') return false;
          throw error;
        }
      },
      settle: async ({ tenant }, _, { head, file }) => ({
        result: await createHeadStore(store, tenant, log).keep(head, fromBase64(file)),
      }),
      madeBy: ({ model, model_digest }) => [{ id: model, digest: model_digest }],
    }),
  };
}
