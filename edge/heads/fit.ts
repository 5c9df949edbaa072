/** The task of fitting a head: what a worker is asked, what it would cost, and that what it makes is kept. */
import {
  type FitHeadDryRun,
  type FitHeadRequest,
  fitHeadRequestSchema,
  type Head,
  headSchema,
} from '../../shared/api/heads.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { withoutRunFields } from '../../shared/api/runFields.ts';
import type { WorkerFitHeadRequest } from '../../shared/api/worker.ts';
import { fromBase64 } from '../../shared/base64.ts';
import { checkExamples, costOfInputs, exampleItems, widthOf } from '../../shared/plan/classify.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import { fitHeadKey } from '../../shared/results/headKeys.ts';
import { negotiate } from '../accept.ts';
import type { Files } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { readCacheControl } from '../cacheControl.ts';
import { runOf } from '../compute/run.ts';
import type { Task, Wish } from '../compute/task.ts';
import { FIT_HEAD } from '../dispatch/tasks.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Kept, Services } from '../services.ts';
import { createSources, type RequestSources } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';
import { ANEW, collectionModel } from './collection.ts';
import { pixelsOfItems, settleItems } from './items.ts';

interface FitWish extends Wish {
  readonly model: Model;
  readonly request: FitHeadRequest;
  readonly files: Files;
}

/** The request with its examples as a worker takes them. */
async function settle(
  request: FitHeadRequest,
  model: Model,
  kept: Kept,
  files: Files,
  sources: RequestSources,
): Promise<FitHeadRequest> {
  const { examples, features = 'encoder' } = request;
  if (!examples) return request;
  checkExamples(examples, widthOf(features, model, pointerTo('features')));
  const inputs = await settleItems(exampleItems(request), model, kept, files, sources);
  const settled = examples.map((example, i) => ({ ...example, inputs: inputs[i] ?? {} }));
  return { ...request, examples: settled };
}

/** @throws FailureError for everything that can be told to be wrong before an example is looked at */
async function read(c: EdgeContext, services: Services): Promise<FitWish> {
  const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.fitHead.request);
  const parsed = parseBody(fitHeadRequestSchema, value);
  const run = runOf(parsed, services);
  const { collection } = parsed;
  const named = collection ? await collectionModel(c, services, collection.name) : parsed.model;
  const { model } = await chooseModel(c, services, named);
  const tenant = tenantOf(c);
  const sources = createSources(c, services, files, parsed.deadline_ms);
  const request = await settle(parsed, model, services.keptFor(tenant), files, sources);
  const id = await fitHeadKey(model, request, await files.digests());
  return {
    began: sources.began,
    sources: sources.found(),
    ...{ tenant, key: { id }, models: [model], model, request, files, ...run },
    wanted: negotiate(c.req.header('accept'), undefined, !run.isDryRun),
    cache: collection ? ANEW : readCacheControl(c.req.header('cache-control')),
  };
}

async function dryRun({ key, model, request, files }: FitWish): Promise<FitHeadDryRun> {
  const items = exampleItems(request);
  const pixels = pixelsOfItems(items, files);
  const cost = await costOfInputs(items, model, { features: request.features, pixels });
  return { dry_run: true, id: key.id, model: model.id, usage: usageOf(cost) };
}

/** What a worker is asked. */
function asked({ tenant, model, request }: FitWish, requestId: string): WorkerFitHeadRequest {
  return {
    request_id: requestId,
    tenant,
    model: model.id,
    request: withoutRunFields(request),
  };
}

export function fitHeadTask(services: Services): Task<FitWish, Head> {
  const { dispatcher, keptFor } = services;
  return {
    schema: headSchema,
    read: (c) => read(c, services),
    dryRun,
    async run(wish, { requestId, traceparent, turn }, { signal, emit }) {
      const how = { traceparent, turn, signal, onProgress: emit, files: wish.files };
      const made = await dispatcher.run(FIT_HEAD, asked(wish, requestId), how);
      return { result: await keptFor(wish.tenant).heads.keep(made.head, fromBase64(made.file)) };
    },
    job: (wish, { requestId }) => ({
      task: 'fitHead',
      request: asked(wish, requestId),
      files: wish.files,
    }),
    madeBy: ({ model, model_digest }) => [{ id: model, digest: model_digest }],
    // A head that was deleted since is fitted again, and one that is not the newest becomes so.
    isWhole: async ({ tenant }, { name, version }) => {
      try {
        return (await keptFor(tenant).heads.find(name, undefined)).head.version === version;
      } catch (error) {
        if (error instanceof FailureError && error.failure.code === 'unknown_head') return false;
        throw error;
      }
    },
  };
}
