/** The two addresses that paint for OpenAI's clients: how each reads its request. */
import type { GenerateRequest } from '../../shared/api/generate.ts';
import { imageEditsRequestSchema, imageGenerationsRequestSchema } from '../../shared/api/images.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { readRequest } from '../body/read.ts';
import { createTaskRoute } from '../compute/route.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { type ImageEventKind, imageEvents } from './imageEvents.ts';
import { type AskedImages, type ImagesWish, imagesTask } from './images.ts';

async function readGenerations(c: EdgeContext): Promise<AskedImages> {
  const { value, files } = await readRequest(c.req.raw, c.get('body'));
  return { asked: parseBody(imageGenerationsRequestSchema, value), files };
}

/** `image[]`, as clients write a list of pictures, is a picture where it holds one. */
function withOneImage(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('image[]' in value)) return value;
  const { 'image[]': image, ...rest } = value;
  if (!('image' in rest)) return { ...rest, image };
  throw refusal('invalid_request', 'image comes twice; one picture is taken', pointerTo('image'));
}

async function readEdits(c: EdgeContext): Promise<AskedImages> {
  const { request } = ROUTES.imageEdits;
  const { value, files } = await readRequest(c.req.raw, c.get('body'), request);
  const asked = parseBody(imageEditsRequestSchema, withOneImage(value));
  const { image, mask = image } = asked;
  const picture: GenerateRequest['inputs'][string] = {
    data: image.data,
    hide: { mask: mask.data, hides: 'transparent' },
  };
  return { asked, files, picture };
}

export function createImageRoutes(services: Services) {
  const routeOf = (kind: ImageEventKind, read: (c: EdgeContext) => Promise<AskedImages>) => {
    const wishes = new WeakMap<EdgeContext, ImagesWish>();
    const task = imagesTask(services, read);
    const route = createTaskRoute(services, {
      ...task,
      async read(c) {
        const wish = await task.read(c);
        wishes.set(c, wish);
        return wish;
      },
    });
    return async (c: EdgeContext): Promise<Response> => {
      const answer = await route(c);
      const wish = wishes.get(c);
      return wish?.wanted.kind === 'events' ? imageEvents(answer, kind, wish) : answer;
    };
  };
  return {
    imageGenerations: routeOf('image_generation', readGenerations),
    imageEdits: routeOf('image_edit', readEdits),
  };
}
