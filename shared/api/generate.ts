/** `POST /v1/generate`: any inputs -> any targets. */
import * as z from 'zod';
import { inputsSchema, refSchema } from './inputs.ts';
import {
  computedSchema,
  mergedSchema,
  outputSchema,
  servedBySchema,
  usageSchema,
} from './outputs.ts';
import { priceFields } from './price.ts';
import { runFields } from './runFields.ts';
import { sourcesSchema } from './takeInput.ts';
import { presetSchema, schemeSchema, targetsSchema } from './targets.ts';
import { warningsSchema } from './warning.ts';

export {
  type Hidden,
  hideSchema,
  type InputValue,
  inputValueSchema,
  refSchema,
} from './inputs.ts';
export {
  type Merged,
  mergedSchema,
  type Output,
  outputSchema,
  servedBySchema,
  usageSchema,
} from './outputs.ts';
export {
  type PresetName,
  presetSchema,
  schemeSchema,
  type TargetSettings,
  targetSchema,
} from './targets.ts';

const count = z.number().int();
export const seedSchema = z
  .number()
  .int()
  .min(0)
  .max(2 ** 32 - 1);

export const modelNameSchema = z
  .string()
  .min(1)
  .max(128)
  .optional()
  .describe('A model, as /v1/models names it; the first one when absent');

export const generateRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    preset: presetSchema
      .optional()
      .describe('Settings and targets of a published demo; what the request says itself wins'),
    inputs: inputsSchema,
    targets: targetsSchema,
    chained: z
      .boolean()
      .default(true)
      .describe('Whether a finished target becomes an input of the next ones'),
    seed: z
      .union([seedSchema, z.literal('random')], `must be random or a whole number below 2^32`)
      .optional()
      .describe('Absent: derived from the request, so that equal requests give equal results'),
    num_samples: count.min(1).max(16).default(1).describe('Results of each target'),
    keep: z
      .boolean()
      .optional()
      .describe('Keeps the tokens of inputs and outputs, which then have a ref'),
    outputs: z
      .enum(['values', 'tokens'])
      .optional()
      .describe('tokens leaves pictures and values undecoded'),
    previews: z
      .boolean()
      .optional()
      .describe(
        'Progress events carry a picture of what is there so far, where that is cheap, and the outputs of each ' +
          'target when it is done',
      ),
    ...runFields,
  })
  .refine(({ targets, preset }) => targets.length > 0 || preset !== undefined, {
    message: 'must name at least one target where there is no preset',
    path: ['targets'],
  })
  .meta({ id: 'GenerateRequest', description: 'Any inputs, any targets, and how to generate' });
export type GenerateRequestBody = z.input<typeof generateRequestSchema>;
export type GenerateRequest = z.output<typeof generateRequestSchema>;

const outputsSchema = z.record(z.string(), z.array(outputSchema));

/** The recommended ways that a request was led; see `shared/plan/via.ts`. */
const viaSchema = z
  .record(z.string(), z.array(z.string()))
  .optional()
  .describe('Target -> targets that the model recommends to make first, which were added');

/** Every setting of a target, filled in. */
export const plannedTargetSchema = z
  .object({
    target: z.string().describe('Public name'),
    modality: z.string().describe("The model's own name"),
    model: z.string().describe('The model that makes it'),
    scheme: schemeSchema,
    tokens: count.describe('Tokens that are generated; at most so many for a sequence'),
    steps: z
      .array(
        z.object({
          tokens: count.describe('Tokens settled at this step'),
          temperature: z.number().describe('Temperature of this step'),
        }),
      )
      .describe('The decoding steps; empty for sequences'),
    temperature: z.number().describe('Of sampling, before the schedule'),
    top_k: z.number().describe('0 is off; below 1 a fraction of the vocabulary'),
    top_p: z.number().describe('0 is off'),
    guidance: z
      .union([z.number(), z.record(z.string(), z.number())])
      .describe('One weight for all inputs, or one for each'),
  })
  .meta({ id: 'PlannedTarget', description: 'A target with every setting filled in' });
export type PlannedTarget = z.infer<typeof plannedTargetSchema>;

export const generateResponseSchema = z
  .object({
    dry_run: z.literal(false).optional().describe('True only in the answer to a dry run'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: servedBySchema,
    seed: count.describe('The seed that was used'),
    schedule: z
      .array(plannedTargetSchema)
      .optional()
      .describe('How the targets were made, in their order: every setting, as a dry run tells it'),
    computed: computedSchema,
    outputs: outputsSchema.describe('Target, by its public name -> one output a sample'),
    merged: z
      .record(z.string(), mergedSchema)
      .optional()
      .describe('Target -> its samples as one, where that means something (instances)'),
    kept: z
      .record(z.string(), refSchema)
      .optional()
      .describe('Input -> its tokens in the store, when they were kept'),
    reused_targets: count
      .optional()
      .describe('Targets that an earlier request with the same beginning had made'),
    via: viaSchema,
    further_models: z
      .array(servedBySchema)
      .optional()
      .describe('Models that made targets which the first one does not have'),
    usage: usageSchema,
    warnings: warningsSchema,
    sources: sourcesSchema,
  })
  .meta({ id: 'GenerateResponse', description: 'What was generated' });
export type GenerateResponse = z.infer<typeof generateResponseSchema>;

/** The answer to `dry_run`. */
export const dryRunResponseSchema = z
  .object({
    dry_run: z.literal(true).describe('Tells the answer from one with outputs'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: z.string().describe('The model that the request goes to'),
    seed: count.describe('The seed that would be used'),
    chained: z.boolean().describe('Whether a finished target becomes an input of the next ones'),
    num_samples: count.describe('Results of each target'),
    plan: z.array(plannedTargetSchema).describe('The targets, in the order in which they are made'),
    via: viaSchema,
    outputs: outputsSchema.describe('Empty, since nothing is run'),
    usage: z
      .object({
        encoder_passes: count.describe('Passes of the encoder'),
        decoder_passes: count.describe('Passes of the decoder'),
        units: count.describe('What the request will be charged'),
        ...priceFields,
        generated_tokens_at_most: count.describe('Sequences may end earlier'),
      })
      .describe('What the request will cost'),
    exact: z
      .boolean()
      .describe('False when a mask, which only the worker reads, may leave less to do'),
  })
  .meta({ id: 'DryRunResponse', description: 'What a request would run and cost' });
export type DryRunResponse = z.infer<typeof dryRunResponseSchema>;

/** One server-sent event (`event: progress`), one a decoding step. */
export const progressSchema = z
  .object({
    target: z.string().describe('The target being made'),
    step: count.describe('Decoding step, from 1'),
    steps: count.describe('Decoding steps of the target'),
    fraction: z.number().describe('Share of the whole request that is done, 0 to 1'),
    preview: z
      .string()
      .optional()
      .describe('Data URL of a picture of the first sample so far; missing tokens are holes'),
    outputs: z
      .array(outputSchema)
      .optional()
      .describe('With previews: the outputs of a target that is done, without `data` and `array`'),
    separable: z
      .boolean()
      .optional()
      .describe('Of the fit of a head: whether a hyperplane was found that parts its classes'),
  })
  .meta({ id: 'Progress', description: 'The data of a progress event' });
export type Progress = z.infer<typeof progressSchema>;
