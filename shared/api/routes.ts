/** The route table: what every address takes and answers, as values. OpenAPI, docs and tests read it. */
import type { z } from 'zod';
import { generateRequestSchema, generateResponseSchema } from './generate.ts';
import { healthSchema, readySchema } from './health.ts';
import { modalitiesResponseSchema, modelsResponseSchema } from './models.ts';
import type { ProblemCode } from './problem.ts';

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
  /** Body: the JSON schema, and whether the same can come as multipart form data. */
  readonly request?: { readonly json: z.ZodType; readonly multipart: boolean };
  /** Media type of a 200 answer -> its schema, or null for bytes and text. */
  readonly response: Readonly<Record<string, z.ZodType | null>>;
  /** Codes this route can answer besides `internal`. */
  readonly problems: readonly ProblemCode[];
}

export const ROUTES = {
  generate: {
    id: 'generate',
    method: 'POST',
    path: '/v1/generate',
    summary: 'Generate any targets from any inputs',
    description:
      'JSON, or multipart form data: every field is an input modality (a file, or text), except ' +
      '`targets` (repeated, or comma-separated names, or JSON objects), `model`, `seed`, `chained`, ' +
      '`num_samples`, and `request` (JSON with the rest). `Accept: text/event-stream` answers the ' +
      'events `progress`, then `result` or `problem`. With one target and one sample, `Accept: ' +
      'image/png`, `text/plain` or the type of the exact values answers those bytes themselves. ' +
      'Equal requests are answered from the store (`Cache-Status`); `Cache-Control: no-cache` ' +
      'computes anew and `no-store` keeps nothing.',
    request: { json: generateRequestSchema, multipart: true },
    response: {
      'application/json': generateResponseSchema,
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
      'invalid_image',
      'image_too_large',
      'invalid_input',
      'model_not_loaded',
      'overloaded',
      'worker_unavailable',
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
