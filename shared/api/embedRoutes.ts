/** Routes of the route table that make vectors. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { ITEMS_BOUNDS } from './bounds.ts';
import { embedDryRunSchema, embedRequestSchema, embedResponseSchema, MOST_ITEMS } from './embed.ts';
import { embeddingsRequestSchema, embeddingsResponseSchema } from './embeddings.ts';
import { describeForm, formOf } from './form.ts';
import type { Route } from './route.ts';
import {
  BODY_PROBLEMS,
  INPUT_PROBLEMS,
  LINE_PROBLEMS,
  TASK_PROBLEMS,
  WORKER_PROBLEMS,
} from './routeProblems.ts';
import { taskEvents } from './taskEvents.ts';

const embedForm = formOf(embedRequestSchema);

export const EMBED_ROUTES = {
  embed: {
    id: 'embed',
    ...ADDRESSES.embed,
    tag: 'embed',
    summary: 'Turn any inputs into vectors',
    description:
      `${describeForm(embedForm)} A form is a single item; JSON has up to ${MOST_ITEMS} \`items\`, each with ` +
      'inputs of its own. `target` names a global embedding, which is predicted from what an item gives and ' +
      'decoded; `features` answers what the encoder makes of it instead. An item has the same vector whatever ' +
      'it is sent with. Problems name every item that does not fit. `dry_run`, `Accept: text/event-stream` and ' +
      '`Cache-Control` are those of `generate`, with one progress event an item.',
    request: { json: embedRequestSchema, form: embedForm, bounds: ITEMS_BOUNDS },
    canBeJob: true,
    response: {
      'application/json': z.union([embedResponseSchema, embedDryRunSchema]),
      ...taskEvents('each item', embedResponseSchema),
    },
    problems: [
      ...TASK_PROBLEMS,
      ...LINE_PROBLEMS,
      'unknown_target',
      'input_only',
      'invalid_target',
    ],
  },
  embeddings: {
    id: 'embeddings',
    ...ADDRESSES.embeddings,
    tag: 'embed',
    summary: "Vectors of texts, for clients of OpenAI's API",
    description:
      'Texts are captions, from which a global embedding is predicted in one pass, as `/v1/embed` does. Problems ' +
      "also have `error`, which OpenAI's clients read.",
    request: { json: embeddingsRequestSchema, bounds: ITEMS_BOUNDS },
    response: { 'application/json': embeddingsResponseSchema },
    problems: [
      ...BODY_PROBLEMS,
      ...INPUT_PROBLEMS,
      ...WORKER_PROBLEMS,
      'not_acceptable',
      'unknown_target',
      'input_only',
      'invalid_target',
      'not_cached',
    ],
  },
} as const satisfies Record<string, Route>;
