/** `POST /v1/embeddings`: OpenAI's request for vectors of texts -> one of `/v1/embed`, and its answer back. */
import {
  type EmbedRequest,
  type EmbedResponse,
  embedRequestSchema,
} from '../../shared/api/embed.ts';
import {
  type EmbeddingsRequest,
  type EmbeddingsResponse,
  embeddingsRequestSchema,
} from '../../shared/api/embeddings.ts';
import type { Modality, Model } from '../../shared/api/models.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { embeddingTarget, embeddingTargets } from '../../shared/plan/embed.ts';
import { createFiles } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { createTaskRoute } from '../compute/route.ts';
import { type EmbedWish, embedWish } from '../embed/read.ts';
import { embedTask } from '../embed/task.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

const AT_MODEL = pointerTo('model');

interface Named {
  readonly model: Model;
  readonly target: Modality;
}

/**
 * The model and the embedding that a name means: `MODEL`, or `MODEL/TARGET`.
 * @throws FailureError `model_not_loaded`, `unknown_target` and what `embeddingTarget` refuses
 */
function namedBy(name: string, models: readonly Model[]): Named {
  const whole = models.find(({ id }) => id === name);
  if (whole) {
    const [target] = embeddingTargets(whole);
    if (target) return { model: whole, target };
    throw refusal('unknown_target', `${name} predicts no global embedding`, AT_MODEL);
  }
  const cut = name.lastIndexOf('/');
  const model = models.find(({ id }) => id === name.slice(0, Math.max(0, cut)));
  if (model) return { model, target: embeddingTarget(name.slice(cut + 1), model, AT_MODEL) };
  const offered = models.flatMap((one) =>
    embeddingTargets(one).map((target) => `${one.id}/${target.name}`),
  );
  const detail = `${name} is not loaded; there are ${offered.join(', ') || 'no models that predict embeddings'}`;
  throw refusal('model_not_loaded', detail, AT_MODEL);
}

/** @throws FailureError `invalid_request` for another number than the embedding has */
function assertDimensions(wanted: number | undefined, { name, dimensions }: Modality): void {
  if (wanted === undefined || wanted === dimensions) return;
  const detail = `dimensions must be ${dimensions}, which vectors of ${name} have: they cannot be shortened`;
  throw refusal('invalid_request', detail, pointerTo('dimensions'));
}

const textsOf = ({ input }: EmbeddingsRequest): readonly string[] =>
  typeof input === 'string' ? [input] : input;

/** Pointers of the request for `/v1/embed` -> those of this one. */
function ownPointer(pointer: string, { input }: EmbeddingsRequest): string {
  const [, index] = /^\/items\/(\d+)/.exec(pointer) ?? [];
  if (index === undefined) return pointer;
  return typeof input === 'string' ? pointerTo('input') : pointerTo('input', Number(index));
}

/** @throws FailureError for everything that is wrong with the request, with its own pointers */
async function readWish(c: EdgeContext, services: Services): Promise<EmbedWish> {
  const { value } = await readRequest(c.req.raw, c.get('body'), ROUTES.embeddings.request);
  const asked = parseBody(embeddingsRequestSchema, value);
  const { model, target } = namedBy(asked.model, await loadedModels(c, services));
  assertDimensions(asked.dimensions, target);
  const caption = model.modalities.find(({ name }) => name === 'caption');
  if (!caption?.accepts.includes('text'))
    throw refusal('unknown_modality', `${model.id} takes no captions`, AT_MODEL);
  const request: EmbedRequest = embedRequestSchema.parse({
    model: model.id,
    target: target.name,
    items: textsOf(asked).map((text) => ({ inputs: { caption: { text } } })),
    format: asked.encoding_format === 'base64' ? 'base64' : 'array',
  });
  try {
    return await embedWish(c, services, request, createFiles(), false);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const errors = error.failure.errors?.map(({ detail, pointer }) => ({
      detail,
      pointer: ownPointer(pointer, asked),
    }));
    throw new FailureError({ ...error.failure, ...(errors && { errors }) }, { cause: error });
  }
}

function answered({ model, target, items, usage }: EmbedResponse): EmbeddingsResponse {
  const tokens = usage.input_tokens ?? 0;
  return {
    object: 'list',
    data: items.map((item, index) => ({
      object: 'embedding',
      index,
      embedding: item.embedding?.values ?? [],
    })),
    model: `${model.id}/${target}`,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

export function createEmbeddingsRoute(services: Services) {
  // OpenAI's clients know no jobs.
  const { job: _, ...task } = embedTask(services, (c) => readWish(c, services));
  return createTaskRoute(services, { ...task, view: (_wish, result) => answered(result) });
}
