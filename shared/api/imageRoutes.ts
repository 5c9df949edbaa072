/** Routes of the route table that paint pictures for clients of OpenAI's API. */
import { ADDRESSES } from './addresses.ts';
import { formOf } from './form.ts';
import {
  IMAGE_EVENTS,
  imageEditsRequestSchema,
  imageGenerationsRequestSchema,
  imagesResponseSchema,
} from './images.ts';
import type { Route } from './route.ts';
import { BODY_PROBLEMS, INPUT_PROBLEMS, WORKER_PROBLEMS } from './routeProblems.ts';

const PROBLEMS = [
  ...BODY_PROBLEMS,
  ...INPUT_PROBLEMS,
  ...WORKER_PROBLEMS,
  'unknown_target',
  'input_only',
  'invalid_target',
  'not_cached',
] as const;

const SHARED =
  'It is a request of `/v1/generate`, which it shares plans, prices and limits with. Problems also have `error`, ' +
  "which OpenAI's clients read.";

const events = (of: keyof typeof IMAGE_EVENTS) => ({
  'application/json': imagesResponseSchema,
  'text/event-stream': {
    description: 'Server-sent events: pictures so far, then each picture, or an error',
    text: true,
    events: IMAGE_EVENTS[of],
  },
});

export const IMAGE_ROUTES = {
  imageGenerations: {
    id: 'imageGenerations',
    ...ADDRESSES.imageGenerations,
    tag: 'generate',
    summary: "Pictures of a text, for clients of OpenAI's API",
    description: `The prompt is the caption, of which \`rgb\` is painted by the way that the model recommends. ${SHARED}`,
    request: { json: imageGenerationsRequestSchema },
    response: events('generations'),
    problems: PROBLEMS,
  },
  imageEdits: {
    id: 'imageEdits',
    ...ADDRESSES.imageEdits,
    tag: 'generate',
    summary: "Parts of a picture painted anew, for clients of OpenAI's API",
    description:
      'Every token that a transparent pixel of the mask touches is painted anew, by the prompt and by what is kept; ' +
      `the tokens that are kept stay as they are. ${SHARED}`,
    request: {
      json: imageEditsRequestSchema,
      form: {
        ...formOf(imageEditsRequestSchema),
        files: {
          image: 'The picture: PNG, JPEG or WebP',
          mask: 'A picture of the same size, whose transparency says what is painted anew; that of `image` when absent',
        },
      },
      isForm: true,
    },
    response: events('edits'),
    problems: PROBLEMS,
  },
} as const satisfies Record<string, Route>;
