/** The route table: what every address takes and answers, as values. OpenAPI, docs and tests read it. */
import * as z from 'zod';
import { dryRunResponseSchema, generateRequestSchema, generateResponseSchema } from './generate.ts';
import { healthSchema, readySchema } from './health.ts';
import { modalitiesResponseSchema, modelsResponseSchema } from './models.ts';
import type { ProblemCode } from './problem.ts';
import {
  detokenizeRequestSchema,
  detokenizeResponseSchema,
  keptTokensSchema,
  tokenizeRequestSchema,
  tokenizeResponseSchema,
} from './tokens.ts';

export interface QueryParameter {
  readonly name: string;
  readonly description: string;
}

export interface Route {
  readonly id: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly query?: readonly QueryParameter[];
  /** What stands in braces in the path. */
  readonly parameters?: readonly QueryParameter[];
  /** Body: the JSON schema, and whether the same can come as multipart form data. */
  readonly request?: { readonly json: z.ZodType; readonly multipart: boolean };
  /** Media type of a 200 answer -> its schema, or null for bytes and text. */
  readonly response: Readonly<Record<string, z.ZodType | null>>;
  /** Codes this route can answer besides `internal`. */
  readonly problems: readonly ProblemCode[];
}

const BODY_PROBLEMS = [
  'invalid_json',
  'invalid_multipart',
  'invalid_request',
  'empty_request',
  'unsupported_media_type',
  'too_large',
] as const;
/** Of routes that keep tokens, or find kept ones. */
const STORE_PROBLEMS = ['unknown_ref', 'store_unavailable'] as const;
const WORKER_PROBLEMS = ['model_not_loaded', 'overloaded', 'worker_unavailable'] as const;

export const ROUTES = {
  generate: {
    id: 'generate',
    method: 'POST',
    path: '/v1/generate',
    summary: 'Generate any targets from any inputs',
    description:
      'JSON, or multipart form data: every field is an input modality (a file, or text), except ' +
      '`targets` (repeated, or comma-separated names, or JSON objects), `model`, `preset`, `seed`, ' +
      '`chained`, `num_samples`, `dry_run`, `deadline_ms`, `keep`, `outputs`, `previews`, and ' +
      '`request` (JSON with the rest). `dry_run` answers the plan, its passes and units, and runs ' +
      'nothing. A target that only another loaded model has is made by that one, from the inputs and ' +
      'from what the first one made. `Accept: text/event-stream` answers the ' +
      'events `progress`, then `result` or `problem`. With one target and one sample, `Accept: ' +
      'image/png`, `text/plain` or the type of the exact values answers those bytes themselves. ' +
      'Equal requests are answered from the store (`Cache-Status`); `Cache-Control: no-cache` ' +
      'computes anew and `no-store` keeps nothing. With `keep`, tokens of inputs and outputs are stored ' +
      'and named by `ref`, and a later chain with the same seed and the same beginning continues ' +
      'what is there (`reused_targets`).',
    request: { json: generateRequestSchema, multipart: true },
    response: {
      'application/json': z.union([generateResponseSchema, dryRunResponseSchema]),
      'text/event-stream': null,
      'image/png': null,
      'application/x-npy': null,
      'text/plain': null,
    },
    problems: [
      'invalid_json',
      'invalid_multipart',
      'invalid_request',
      'empty_request',
      'unsupported_media_type',
      'not_acceptable',
      'too_large',
      'unknown_modality',
      'unknown_target',
      'input_only',
      'no_tokenizer',
      'scheme_mismatch',
      'invalid_target',
      'invalid_guidance',
      ...STORE_PROBLEMS,
      'deadline_exceeded',
      'invalid_image',
      'image_too_large',
      'invalid_input',
      'model_not_loaded',
      'overloaded',
      'worker_unavailable',
    ],
  },
  tokenize: {
    id: 'tokenize',
    method: 'POST',
    path: '/v1/tokenize',
    summary: 'Turn values into tokens',
    description:
      'Inputs in every form that `generate` takes, as JSON or as multipart form data -> their tokens. ' +
      'With `keep` they are stored, and `ref` names them in later requests in place of the input.',
    request: { json: tokenizeRequestSchema, multipart: true },
    response: { 'application/json': tokenizeResponseSchema },
    problems: [
      ...BODY_PROBLEMS,
      'unknown_modality',
      'no_tokenizer',
      ...STORE_PROBLEMS,
      'invalid_image',
      'image_too_large',
      'invalid_input',
      ...WORKER_PROBLEMS,
    ],
  },
  detokenize: {
    id: 'detokenize',
    method: 'POST',
    path: '/v1/detokenize',
    summary: 'Turn tokens into what they stand for',
    description:
      'Tokens, given or named by `ref` -> pictures, texts and values, as `generate` answers them. ' +
      '`seed` and `steps` are those of diffusion decoders. Of one modality the bytes themselves can be ' +
      'had, with `Accept: image/png`, `text/plain` or the type of the exact values.',
    request: { json: detokenizeRequestSchema, multipart: false },
    response: {
      'application/json': detokenizeResponseSchema,
      'image/png': null,
      'application/x-npy': null,
      'text/plain': null,
    },
    problems: [
      ...BODY_PROBLEMS,
      'not_acceptable',
      'unknown_modality',
      ...STORE_PROBLEMS,
      'invalid_input',
      ...WORKER_PROBLEMS,
    ],
  },
  tokens: {
    id: 'tokens',
    method: 'GET',
    path: '/v1/tokens/{ref}',
    summary: 'Kept tokens, or the picture, text or values they stand for',
    description:
      'JSON holds the tokens. `Accept: image/png`, `text/plain` or the type of the exact values has ' +
      'them decoded, on demand.',
    parameters: [{ name: 'ref', description: 'As answered where they were kept: `sha256:...`' }],
    query: [
      {
        name: 'seed',
        description: 'Of the noise that a diffusion decoder starts from; 0 when absent',
      },
      { name: 'steps', description: "Denoising steps; the decoder's own number when absent" },
    ],
    response: {
      'application/json': keptTokensSchema,
      'image/png': null,
      'application/x-npy': null,
      'text/plain': null,
    },
    problems: [
      'invalid_request',
      'not_acceptable',
      ...STORE_PROBLEMS,
      'invalid_input',
      ...WORKER_PROBLEMS,
    ],
  },
  models: {
    id: 'models',
    method: 'GET',
    path: '/v1/models',
    summary: 'The loaded models, with licence and modalities',
    response: { 'application/json': modelsResponseSchema },
    problems: ['worker_unavailable'],
  },
  modalities: {
    id: 'modalities',
    method: 'GET',
    path: '/v1/modalities',
    summary: "One model's modalities, as its own configuration says",
    query: [{ name: 'model', description: 'The first loaded model when absent' }],
    response: { 'application/json': modalitiesResponseSchema },
    problems: ['model_not_loaded', 'worker_unavailable'],
  },
  healthz: {
    id: 'healthz',
    method: 'GET',
    path: '/healthz',
    summary: 'The process is alive',
    response: { 'application/json': healthSchema },
    problems: [],
  },
  readyz: {
    id: 'readyz',
    method: 'GET',
    path: '/readyz',
    summary: 'The first request would succeed: store, a worker and its models answer',
    response: { 'application/json': readySchema },
    problems: ['not_ready'],
  },
  openapi: {
    id: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    summary: 'This API as an OpenAPI 3.1 document',
    response: { 'application/json': null },
    problems: [],
  },
  docs: {
    id: 'docs',
    method: 'GET',
    path: '/docs',
    summary: 'This API as a page to read',
    response: { 'text/html': null },
    problems: [],
  },
  playground: {
    id: 'playground',
    method: 'GET',
    path: '/',
    summary: 'The playground: try the model in a browser',
    response: { 'text/html': null },
    problems: [],
  },
} as const satisfies Record<string, Route>;
