/** A request for vectors -> what is wanted: the plan of each item, the result's key, the form of the answer. */
import { type EmbedRequest, embedRequestSchema } from '../../shared/api/embed.ts';
import { eachAtOnce, eachInSlices, failureAt } from '../../shared/api/failures.ts';
import type { Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { type EmbedItem, type EmbedPlan, itemsOf, planEmbed } from '../../shared/plan/embed.ts';
import { type EmbedKey, embedKey } from '../../shared/results/embedKey.ts';
import type { TokenStore } from '../../shared/results/keptTokens.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import { negotiate } from '../accept.ts';
import type { Files } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { readCacheControl } from '../cacheControl.ts';
import { runOf } from '../compute/run.ts';
import type { Wish } from '../compute/task.ts';
import { normaliseInputs } from '../inputs.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createSources, type RequestSources, settleEach } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';

export interface EmbedWish extends Wish {
  readonly seeds: EmbedKey['seeds'];
  readonly model: Model;
  readonly request: EmbedRequest;
  /** What the request names in `data` and `mask`. */
  readonly files: Files;
  readonly plan: EmbedPlan;
}

/** The request with other inputs in its items. */
const withItems = (request: EmbedRequest, inputs: readonly EmbedItem['inputs'][]): EmbedRequest =>
  request.items
    ? { ...request, items: inputs.map((own) => ({ inputs: own })) }
    : { ...request, inputs: inputs[0] };

/** @throws FailureError with the pointers of all items whose references do not fit */
async function withTokens(
  request: EmbedRequest,
  model: Model,
  tokens: TokenStore,
): Promise<EmbedRequest> {
  const resolved = await eachAtOnce(itemsOf(request), ({ inputs, at }) =>
    resolveInputs(inputs, model, tokens).catch((error: unknown) => {
      throw failureAt(error, at);
    }),
  );
  return withItems(request, resolved);
}

/** @throws FailureError with the pointers of all items whose files do not fit */
async function withFiles(
  request: EmbedRequest,
  model: Model,
  files: Files,
  sources: RequestSources,
): Promise<EmbedRequest> {
  const settled = await settleEach(itemsOf(request), sources);
  const normal = await eachInSlices(settled, ({ inputs, at }) => {
    try {
      return normaliseInputs(inputs, model, files);
    } catch (error) {
      throw failureAt(error, at);
    }
  });
  return withItems(request, normal);
}

/**
 * What a parsed request for vectors wants.
 * @param streams whether events can be answered
 * @throws FailureError for everything that is wrong with it
 */
export async function embedWish(
  c: EdgeContext,
  services: Services,
  parsed: EmbedRequest,
  files: Files,
  streams = true,
): Promise<EmbedWish> {
  const tenant = tenantOf(c);
  const run = runOf(parsed, services);
  const { model } = await chooseModel(c, services, parsed.model);
  const resolved = await withTokens(parsed, model, services.keptFor(tenant).tokens);
  const plan = await planEmbed(resolved, model);
  const sources = createSources(c, services, files, parsed.deadline_ms);
  const request = await withFiles(resolved, model, files, sources);
  const { id, seeds } = await embedKey(model, request, await files.digests());
  return {
    tenant,
    key: { id },
    seeds,
    models: [model],
    model,
    request,
    files,
    plan,
    began: sources.began,
    ...run,
    wanted: negotiate(c.req.header('accept'), undefined, streams && !run.isDryRun),
    cache: readCacheControl(c.req.header('cache-control')),
    sources: sources.found(),
  };
}

/** @throws FailureError for everything that is wrong with the request */
export async function readEmbedWish(c: EdgeContext, services: Services): Promise<EmbedWish> {
  const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.embed.request);
  return await embedWish(c, services, parseBody(embedRequestSchema, value), files);
}
