/**
 * The internal API between edge and worker, at the addresses of `addresses.ts`:
 *   live, ready   as the KServe Open Inference Protocol has them; not authenticated
 *   models        -> workerModelsSchema
 *   status        -> WorkerStatus
 *   generate      WorkerGenerateRequest -> WorkerGenerateResponse, or with `Accept: text/event-stream`:
 *                 events `progress` (Progress), then `result` (WorkerGenerateResponse) or `problem` (Failure)
 *   embed         WorkerEmbedRequest -> EmbedResponse, with events as generate
 *   tokenize      WorkerTokenizeRequest -> TokenizeResponse
 *   detokenize    WorkerDetokenizeRequest -> DetokenizeResponse
 *   classify      WorkerClassifyRequest -> ClassifyResponse
 *   fitHead       WorkerFitHeadRequest -> MadeHead, with events as `generate` has them (Progress)
 *   readHead      WorkerReadHeadRequest -> MadeHead
 * A failure is answered with the code's status and a `Failure` as JSON; a full worker answers 503
 * `overloaded` with Retry-After at once. Requests are signed: see
 * `signing.ts`.
 */
import * as z from 'zod';
import { classifyRequestSchema } from './classify.ts';
import { embedRequestSchema, MOST_ITEMS } from './embed.ts';
import { generateRequestSchema, generateResponseSchema, seedSchema } from './generate.ts';
import { fitHeadRequestSchema, headNameSchema, headSchema, headVersionSchema } from './heads.ts';
import { MODEL_STATES } from './models.ts';
import { detokenizeRequestSchema, tokenizedSchema, tokenizeRequestSchema } from './tokens.ts';

export const reusedTargetSchema = z.object({
  /** The model's own name. */
  modality: z.string(),
  samples: z.array(z.array(z.number().int().min(0)).max(4096)).max(16),
});
export type ReusedTarget = z.infer<typeof reusedTargetSchema>;

/** Work that somebody waits for comes before work that nobody does. */
export const prioritySchema = z.enum(['interactive', 'batch']);

/** Whether whoever asks is charged for it: he is served no model whose licence stands against that. */
export const charged = z.boolean().optional();

/** Whose work it is, and how urgent: workers share their time out by it. */
const turn = {
  priority: prioritySchema.optional(),
  tenant: z.string().max(128).optional(),
  charged,
};

export const workerGenerateRequestSchema = z.object({
  ...turn,
  request_id: z.string(),
  /** The result's id (cache key); the worker echoes it. */
  id: z.string(),
  model: z.string(),
  /** Settled by the edge, so that the worker is a pure function of this request. */
  seed: seedSchema,
  request: generateRequestSchema,
  /** Leading targets of a chain that were made before: ids of each sample. */
  reused: z.array(reusedTargetSchema).max(32).optional(),
});
export type WorkerGenerateRequest = z.input<typeof workerGenerateRequestSchema>;

export const workerGenerateResponseSchema = generateResponseSchema.extend({
  /** With `keep`: tokens of the inputs that came to be tokens. */
  input_tokens: z.record(z.string(), tokenizedSchema).optional(),
});
export type WorkerGenerateResponse = z.infer<typeof workerGenerateResponseSchema>;

export const workerEmbedRequestSchema = z.object({
  ...turn,
  request_id: z.string(),
  /** The result's id (cache key); the worker echoes it. */
  id: z.string(),
  model: z.string(),
  /** One for each item of a predicted target; none for features. */
  seeds: z.array(seedSchema).max(MOST_ITEMS),
  request: embedRequestSchema,
});
export type WorkerEmbedRequest = z.input<typeof workerEmbedRequestSchema>;

const base = { request_id: z.string(), model: z.string() };
export const workerTokenizeRequestSchema = z.object({
  ...turn,
  ...base,
  request: tokenizeRequestSchema,
});
export type WorkerTokenizeRequest = z.input<typeof workerTokenizeRequestSchema>;
export const workerDetokenizeRequestSchema = z.object({
  ...base,
  charged,
  request: detokenizeRequestSchema,
});
export type WorkerDetokenizeRequest = z.input<typeof workerDetokenizeRequestSchema>;

/** A head of the store, with the version that was meant when the request came. */
const namedHeadSchema = z.object({ name: headNameSchema, version: headVersionSchema });

export const workerClassifyRequestSchema = z.object({
  ...turn,
  ...base,
  id: z.string(),
  request: classifyRequestSchema,
  /** Absent for the head that the model was exported with. */
  head: namedHeadSchema.optional(),
});
export type WorkerClassifyRequest = z.input<typeof workerClassifyRequestSchema>;

export const workerFitHeadRequestSchema = z.object({
  ...turn,
  ...base,
  request: fitHeadRequestSchema,
});
export type WorkerFitHeadRequest = z.input<typeof workerFitHeadRequestSchema>;

export const workerReadHeadRequestSchema = z.object({
  ...base,
  name: headNameSchema,
  /** Base64 of the file. */
  file: z.string(),
});
export type WorkerReadHeadRequest = z.input<typeof workerReadHeadRequestSchema>;

/** A head that is not in the store yet. */
export const madeHeadSchema = z.object({
  head: headSchema.omit({ version: true, created_at: true }),
  /** Base64 of its file. */
  file: z.string(),
});
export type MadeHead = z.infer<typeof madeHeadSchema>;

const count = z.number().min(0);
const counts = z.record(z.string(), count);

const schedulingSchema = z.object({
  /** By kind of run: how many, the requests and rows that took part, and milliseconds, all added up. */
  runs: z.record(z.string(), counts),
  /** Requests of generations that wait or are in a run, and those that came so far, by priority. */
  waiting: counts,
  asked: counts,
  bounds: z.object({
    /** Tokens of a text that one run writes. */
    tokens_a_piece: count,
    /** What a run of several takes at most, by kind: whoever comes waits for one run and for those before. */
    longest_milliseconds: counts,
  }),
});

export type Scheduling = z.infer<typeof schedulingSchema>;

export const workerStatusSchema = z.object({
  /** Requests at work and waiting for a slot, and the token-steps of both. */
  jobs: z.object({ running: count, waiting: count, tokens: count }),
  loads: count,
  evictions: count,
  models: z
    .array(
      z.object({
        id: z.string(),
        state: z.enum(MODEL_STATES),
        bytes: count,
        uses: count,
        waiting: count,
        scheduling: schedulingSchema.optional(),
      }),
    )
    .readonly(),
});
export type WorkerStatus = z.infer<typeof workerStatusSchema>;
