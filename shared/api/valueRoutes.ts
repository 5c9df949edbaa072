/** Routes of the route table that make, read and decode values. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { deletedSchema } from './collections.ts';
import { describeForm, formOf } from './form.ts';
import { dryRunResponseSchema, generateRequestSchema, generateResponseSchema } from './generate.ts';
import { refSchema } from './inputs.ts';
import { INLINE, type Route } from './route.ts';
import {
  BODY_PROBLEMS,
  INPUT_PROBLEMS,
  LINE_PROBLEMS,
  STORE_PROBLEMS,
  TASK_PROBLEMS,
  WORKER_PROBLEMS,
} from './routeProblems.ts';
import { taskEvents } from './taskEvents.ts';
import {
  detokenizeRequestSchema,
  detokenizeResponseSchema,
  keptTokensSchema,
  tokenizeRequestSchema,
  tokenizeResponseSchema,
} from './tokens.ts';

/** An output as its own bytes. */
const BYTES = {
  'image/png': { description: 'The picture of the one output, as PNG', text: false },
  'application/x-npy': { description: 'The exact values of the one output, as .npy', text: false },
  'text/plain': { description: 'The text of the one output', text: true },
} as const;
const generateForm = formOf(generateRequestSchema);
const tokenizeForm = formOf(tokenizeRequestSchema);

export const VALUE_ROUTES = {
  generate: {
    id: 'generate',
    ...ADDRESSES.generate,
    tag: 'generate',
    summary: 'Generate any targets from any inputs',
    description:
      `${describeForm(generateForm)} ` +
      '`dry_run` answers the plan, its passes and units, and runs nothing. A target that only another ' +
      'loaded model has is made by that one, from the inputs and from what the first one made. ' +
      '`Accept: text/event-stream` answers the ' +
      'events `progress`, then `result` or `problem`. With one target and one sample, `Accept: ' +
      'image/png`, `text/plain` or the type of the exact values answers those bytes themselves. ' +
      'Equal requests are answered from the store (`Cache-Status`, `Age`); `Cache-Control: no-cache` ' +
      'computes anew, `no-store` keeps nothing, `max-age` bounds the age of a stored result, and ' +
      '`only-if-cached` computes nothing. With `keep`, tokens of inputs and outputs are stored ' +
      'and named by `ref`, and a later chain with the same seed and the same beginning continues ' +
      'what is there (`reused_targets`).',
    query: [INLINE],
    request: { json: generateRequestSchema, form: generateForm },
    canBeJob: true,
    response: {
      'application/json': z.union([generateResponseSchema, dryRunResponseSchema]),
      ...taskEvents('each step', generateResponseSchema),
      ...BYTES,
    },
    problems: [
      ...TASK_PROBLEMS,
      ...LINE_PROBLEMS,
      'unknown_target',
      'input_only',
      'scheme_mismatch',
      'invalid_target',
      'invalid_guidance',
    ],
  },
  tokenize: {
    id: 'tokenize',
    ...ADDRESSES.tokenize,
    tag: 'generate',
    summary: 'Turn values into tokens',
    description:
      `${describeForm(tokenizeForm)} Inputs in every form that \`generate\` takes become tokens. ` +
      'With `keep` they are stored, and `ref` names them in later requests in place of the input.',
    request: { json: tokenizeRequestSchema, form: tokenizeForm },
    response: { 'application/json': tokenizeResponseSchema },
    problems: [...BODY_PROBLEMS, ...INPUT_PROBLEMS, ...WORKER_PROBLEMS, ...LINE_PROBLEMS],
  },
  detokenize: {
    id: 'detokenize',
    ...ADDRESSES.detokenize,
    tag: 'generate',
    summary: 'Turn tokens into what they stand for',
    description:
      'Tokens, given or named by `ref`, become pictures, texts and values, as `generate` answers them. ' +
      '`seed` and `steps` are those of diffusion decoders. The bytes themselves of one modality are ' +
      'answered to `Accept: image/png`, `text/plain` or the type of the exact values.',
    query: [INLINE],
    request: { json: detokenizeRequestSchema },
    response: { 'application/json': detokenizeResponseSchema, ...BYTES },
    problems: [
      ...BODY_PROBLEMS,
      ...WORKER_PROBLEMS,
      'not_acceptable',
      'unknown_modality',
      ...STORE_PROBLEMS,
      'invalid_input',
    ],
  },
  deleteResult: {
    id: 'deleteResult',
    ...ADDRESSES.deleteResult,
    tag: 'generate',
    summary: 'Delete a stored result',
    description:
      'The result of that id (`id` of the answer, `X-4M-Result`) is no longer stored: an equal request is computed ' +
      'anew. Kept tokens stay, since other results may have them. A server whose tenants share their results ' +
      '(`CACHE_SCOPE=shared`) refuses.',
    parameters: [
      {
        name: 'id',
        description: 'As answered with the result: 64 hexadecimal digits',
        schema: z.string().regex(/^[0-9a-f]{64}$/),
      },
    ],
    response: { 'application/json': deletedSchema },
    problems: ['unknown_result', 'shared_result', 'store_unavailable'],
  },
  tokens: {
    id: 'tokens',
    ...ADDRESSES.tokens,
    tag: 'generate',
    summary: 'Kept tokens, or the picture, text or values they stand for',
    description:
      'JSON holds the tokens. They are decoded on demand for `Accept: image/png`, `text/plain` or the ' +
      'type of the exact values.',
    parameters: [
      {
        name: 'ref',
        description: 'As answered where they were kept: `sha256:...`',
        schema: refSchema,
      },
    ],
    query: [
      {
        name: 'seed',
        description: 'Of the noise that a diffusion decoder starts from; 0 when absent',
        schema: detokenizeRequestSchema.shape.seed,
      },
      {
        name: 'steps',
        description: "Denoising steps; the decoder's own number when absent",
        schema: detokenizeRequestSchema.shape.steps,
      },
    ],
    response: { 'application/json': keptTokensSchema, ...BYTES },
    problems: [
      'invalid_request',
      'not_acceptable',
      ...STORE_PROBLEMS,
      'invalid_input',
      ...WORKER_PROBLEMS,
    ],
  },
} as const satisfies Record<string, Route>;
