/** `POST /v1/images/generations` and `/edits`: OpenAI's requests for pictures -> one of `/v1/generate`, and its answer back. */
import {
  type GenerateRequest,
  type GenerateResponse,
  generateRequestSchema,
  type Output,
} from '../../shared/api/generate.ts';
import type { ImagesRequest, ImagesResponse, ImagesUsage } from '../../shared/api/images.ts';
import { refusal } from '../../shared/api/problem.ts';
import { present } from '../../shared/lookup.ts';
import type { RequestPlan } from '../../shared/plan/plan.ts';
import type { Files } from '../body/files.ts';
import type { Task } from '../compute/task.ts';
import { type GenerateWish, generateWish } from '../generate/read.ts';
import { generateTask } from '../generate/task.ts';
import { assertUnnamed } from '../idempotency.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { ownPointer, withOwnPointers } from './imagePointers.ts';
import { paintingOf } from './painting.ts';

/** A request as it came, and what is beside its fields. */
export interface AskedImages {
  readonly asked: ImagesRequest;
  readonly files: Files;
  /** The picture that is painted in, as an input. */
  readonly picture?: GenerateRequest['inputs'][string];
}

export interface ImagesWish extends GenerateWish {
  readonly asked: ImagesRequest;
  /** The target that is answered. */
  readonly painted: string;
  /** In pixels. */
  readonly side: number;
}

const hasMask = (asked: ImagesRequest): boolean => 'mask' in asked && asked.mask !== undefined;

/** @throws FailureError for everything that is wrong with the request, with its own pointers */
async function readWish(
  c: EdgeContext,
  services: Services,
  read: (c: EdgeContext) => Promise<AskedImages>,
): Promise<ImagesWish> {
  const { asked, files, picture } = await read(c);
  const { prompt, model: name, size, n, seed, stream, partial_images } = asked;
  if (stream) assertUnnamed(c, '/stream');
  const named = { ...(name && { model: name }), ...(size && { size }) };
  const painting = paintingOf(named, await loadedModels(c, services));
  const request = generateRequestSchema.parse({
    model: painting.model.id,
    inputs: { caption: { text: prompt }, ...(picture && { [painting.picture.name]: picture }) },
    targets: painting.targets,
    num_samples: n ?? 1,
    seed,
    ...(partial_images && { previews: true }),
  });
  const form = { kind: stream ? 'events' : 'json' } as const;
  const wish = await withOwnPointers(hasMask(asked), () =>
    generateWish(c, services, request, files, form),
  );
  const painted = present(wish.plan.stages.flatMap(({ targets }) => targets).at(-1), 'the picture');
  if (asked.response_format === 'url' && !wish.cache.mayStore) {
    const detail =
      'Cache-Control: no-store asks for nothing to be kept, and response_format url for an address';
    throw refusal('invalid_request', detail, '/response_format');
  }
  return { ...wish, asked, painted: painted.name, side: painting.side };
}

function usageOf({ stages }: RequestPlan, { usage }: GenerateResponse): ImagesUsage {
  const inputs = stages.flatMap((stage) => stage.inputs);
  const tokens = (isText: boolean): number =>
    inputs
      .filter(({ entry }) => (entry.type === 'seq') === isText)
      .reduce((sum, { visible }) => sum + visible, 0);
  const [text_tokens, image_tokens] = [tokens(true), tokens(false)];
  const input_tokens = text_tokens + image_tokens;
  const { generated_tokens: output_tokens, units, price, currency } = usage;
  return {
    input_tokens,
    input_tokens_details: { text_tokens, image_tokens },
    output_tokens,
    total_tokens: input_tokens + output_tokens,
    ...(units !== undefined && { units }),
    ...(price !== undefined && { price, currency }),
  };
}

/** A picture as base64 or as its address. @throws FailureError `store_unavailable` where it could not be kept */
function imageOf({ image = '' }: Output, isUrl: boolean): ImagesResponse['data'][number] {
  const [, base64] = /^data:[^;,]{1,100};base64,(.*)$/s.exec(image) ?? [];
  if (!isUrl) return { b64_json: present(base64, 'the picture') };
  if (base64 === undefined) return { url: image };
  const detail = 'the store is out of order, so that there is no address to answer';
  throw refusal('store_unavailable', detail, undefined, { retryAfterSeconds: 5 });
}

function answered(wish: ImagesWish, answer: GenerateResponse, ageSeconds: number): ImagesResponse {
  const { model, seed, outputs, warnings } = answer;
  const { asked, painted, plan, side } = wish;
  const isUrl = asked.response_format === 'url';
  return {
    created: Math.floor(Date.now() / 1000 - ageSeconds),
    data: present(outputs[painted], painted).map((output) => imageOf(output, isUrl)),
    background: 'opaque',
    output_format: 'png',
    quality: 'auto',
    size: `${side}x${side}`,
    usage: usageOf(plan, answer),
    model: model.id,
    seed,
    ...(warnings && {
      warnings: warnings.map((one) => ({
        ...one,
        pointer: ownPointer(one.pointer, hasMask(asked)),
      })),
    }),
  };
}

/** @param read the request of one of the two addresses */
export function imagesTask(
  services: Services,
  read: (c: EdgeContext) => Promise<AskedImages>,
): Task<ImagesWish, GenerateResponse> {
  const task = generateTask(services, (c) => readWish(c, services, read));
  // OpenAI's clients know no jobs, and no bytes in the place of an answer.
  const { job: _, single: __, ...rest } = task;
  return {
    ...rest,
    run: (wish, asker, context) =>
      withOwnPointers(hasMask(wish.asked), () => task.run(wish, asker, context)),
    inline: ({ asked }) => asked.response_format !== 'url',
    translate: (wish, answer, age) => answered(wish, answer as GenerateResponse, age),
  };
}
