/** The task of classifying: which head is meant, what a worker is asked, and what it would cost. */
import {
  type ClassifyDryRun,
  type ClassifyRequest,
  type ClassifyResponse,
  classifyRequestSchema,
  classifyResponseSchema,
} from '../../shared/api/classify.ts';
import type { Head } from '../../shared/api/heads.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { withoutRunFields } from '../../shared/api/runFields.ts';
import type { WorkerClassifyRequest } from '../../shared/api/worker.ts';
import { assertHead, assertWidth, costOfInputs, itemsOf } from '../../shared/plan/classify.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import { classifyKey } from '../../shared/results/headKeys.ts';
import { negotiate } from '../accept.ts';
import type { Files } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { readCacheControl } from '../cacheControl.ts';
import { runOf } from '../compute/run.ts';
import type { Task, Wish } from '../compute/task.ts';
import { CLASSIFY } from '../dispatch/tasks.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createSources } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';
import { ANEW, collectionModel } from './collection.ts';
import { pixelsOfItems, settleItems } from './items.ts';

interface ClassifyWish extends Wish {
  readonly model: Model;
  readonly request: ClassifyRequest;
  readonly files: Files;
  /** Absent for the head that the model was exported with. */
  readonly head: Head | undefined;
}

/** A head means something for the features of its model alone. @throws FailureError `head_mismatch` */
function assertOwn(head: Head, model: Model): void {
  assertWidth(head, model, pointerTo('head'));
  if (head.model === model.id) return;
  const detail =
    `the head ${head.name} looks at features of ${head.model}, and those of ${model.id} mean something else; where ` +
    'the two are exports of one checkpoint, put its file again with ?model=';
  throw refusal('head_mismatch', detail, pointerTo('model'));
}

/** What a caller should know whose head was made for an earlier version of the model. */
function withWarning({ head, model }: ClassifyWish, answer: ClassifyResponse): ClassifyResponse {
  if (!head || head.model_digest === model.digest) return answer;
  const warning = {
    code: 'other_weights' as const,
    detail: `the head ${head.name} was made for other weights or another export of ${model.id} than are loaded now`,
    pointer: pointerTo('head'),
  };
  return { ...answer, warnings: [...(answer.warnings ?? []), warning] };
}

/** @throws FailureError for everything that is wrong with the request */
async function read(c: EdgeContext, services: Services): Promise<ClassifyWish> {
  const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.classify.request);
  const parsed = parseBody(classifyRequestSchema, value);
  const run = runOf(parsed, services);
  const tenant = tenantOf(c);
  const kept = services.keptFor(tenant);
  const { head: name, version } = parsed;
  const found =
    name === undefined
      ? undefined
      : await kept.heads.find(name, version, pointerTo(version === undefined ? 'head' : 'version'));
  const head = found?.head;
  // A head looks at the features of one model.
  const { neighbours } = parsed;
  const nearest =
    neighbours &&
    (await collectionModel(c, services, neighbours.name, pointerTo('neighbours', 'name')));
  const { model } = await chooseModel(c, services, nearest ?? parsed.model ?? head?.model);
  if (!neighbours) assertHead(parsed, model);
  if (head) assertOwn(head, model);
  const sources = createSources(c, services, files, parsed.deadline_ms);
  const inputs = await settleItems(itemsOf(parsed), model, kept, files, sources);
  const request = parsed.items
    ? { ...parsed, items: inputs.map((own) => ({ inputs: own })) }
    : { ...parsed, inputs: inputs[0] };
  const id = await classifyKey(model, request, head, await files.digests());
  return {
    began: sources.began,
    sources: sources.found(),
    ...{ tenant, key: { id }, models: [model], model, request, files, head, ...run },
    wanted: negotiate(c.req.header('accept'), undefined, !run.isDryRun),
    cache: neighbours ? ANEW : readCacheControl(c.req.header('cache-control')),
  };
}

async function dryRun({ key, model, request, files, head }: ClassifyWish): Promise<ClassifyDryRun> {
  const items = itemsOf(request);
  const cost = await costOfInputs(items, model, {
    features: head?.features,
    pixels: pixelsOfItems(items, files),
  });
  return { dry_run: true, id: key.id, model: model.id, usage: usageOf(cost) };
}

/** What a worker is asked. */
function asked(
  { tenant, key, model, request, head }: ClassifyWish,
  requestId: string,
): WorkerClassifyRequest {
  return {
    ...{
      request_id: requestId,
      tenant,
      id: key.id,
      model: model.id,
      request: withoutRunFields(request),
    },
    ...(head && { head: { name: head.name, version: head.version } }),
  };
}

export const classifyTask = (services: Services): Task<ClassifyWish, ClassifyResponse> => ({
  schema: classifyResponseSchema,
  read: (c) => read(c, services),
  dryRun,
  async run(wish, { requestId, traceparent, turn }, { signal, emit }) {
    const how = { traceparent, turn, signal, onProgress: emit, files: wish.files };
    return { result: await services.dispatcher.run(CLASSIFY, asked(wish, requestId), how) };
  },
  job: (wish, { requestId }) => ({
    task: 'classify',
    request: asked(wish, requestId),
    files: wish.files,
  }),
  madeBy: ({ model }) => [model],
  view: withWarning,
});
