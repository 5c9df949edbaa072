/** `POST /v1/embed`: any inputs -> vectors: predicted global embeddings, or features of the encoder. */
import * as z from 'zod';
import { modelNameSchema, seedSchema } from './generate.ts';
import { inputsSchema } from './inputs.ts';
import { computedSchema, servedBySchema, usageSchema } from './outputs.ts';
import { priceFields } from './price.ts';
import { runFields } from './runFields.ts';
import { sourcesSchema } from './takeInput.ts';
import { schemeSchema } from './targets.ts';
import { warningsSchema } from './warning.ts';

/** Items of a call at most. */
export const MOST_ITEMS = 256;
/** Numbers of all vectors of an answer at most, by its format: 8 to 10 MB of text. */
export const MOST_NUMBERS = { array: 400_000, base64: 1_500_000 } as const;

const count = z.number().int();

/** What is settled for a predicted target alone. */
const prediction = {
  steps: count.min(1).max(1024).optional().describe('Decoding steps of the target; 1 when absent'),
  scheme: schemeSchema
    .exclude(['autoregressive'])
    .optional()
    .describe('How several steps settle tokens; maskgit when absent'),
  samples: count
    .min(1)
    .max(16)
    .optional()
    .describe('Predictions of each item, whose mean direction is answered; 1 when absent'),
  temperature: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe(
      'Of sampling; when absent 0 for one sample, which is then the likeliest, and 1 for several',
    ),
  guidance_scale: z
    .number()
    .min(-100)
    .max(100)
    .optional()
    .describe('Guidance towards all inputs together; 1, which is none, when absent'),
  seed: z
    .union([seedSchema, z.literal('random')], 'must be random or a whole number below 2^32')
    .optional()
    .describe('Of all items; absent: derived from each item, whatever others are with it'),
};

export const featureKindSchema = z.enum(['mean', 'modalities', 'tokens']);
export type FeatureKind = z.infer<typeof featureKindSchema>;
export const encodingSchema = z.enum(['float32', 'int8', 'binary']);
export type VectorEncoding = z.infer<typeof encodingSchema>;
export const vectorFormatSchema = z.enum(['array', 'base64']);

export const embedRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    inputs: inputsSchema.optional().describe('One item, in place of items'),
    items: z
      .array(z.strictObject({ inputs: inputsSchema }))
      .min(1)
      .max(MOST_ITEMS)
      .optional()
      .describe(`1 to ${MOST_ITEMS} items, each with any inputs`),
    target: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('A global embedding that the model predicts, such as dinov2_global'),
    features: featureKindSchema
      .optional()
      .describe(
        "In place of a target: the encoder's own features, as the mean over all tokens, as one mean for " +
          'each modality, or of each token',
      ),
    ...prediction,
    normalise: z.boolean().default(true).describe('Scales each vector to length 1'),
    encoding: encodingSchema
      .default('float32')
      .describe(
        'float32; int8 with a scale for each vector; binary: a bit for each number, 1 where it is above 0',
      ),
    format: vectorFormatSchema
      .default('array')
      .describe(
        'Numbers, or base64 of their bytes, little-endian; bits eight in a byte, the first highest',
      ),
    ...runFields,
  })
  .superRefine((request, context) => {
    const refuse = (message: string, field: string): void =>
      context.addIssue({ code: 'custom', message, path: [field] });
    if (request.items && request.inputs) refuse('must not be given beside items', 'inputs');
    if (!request.items && !request.inputs)
      refuse('must be given, or inputs for a single item', 'items');
    if (request.target !== undefined && request.features)
      refuse('must not be given beside target', 'features');
    if (request.target === undefined && !request.features)
      refuse('must name a global embedding, or features be given in its place', 'target');
    if (!request.features) return;
    for (const field of Object.keys(prediction))
      if (request[field as keyof typeof prediction] !== undefined)
        refuse('applies to a predicted target, and not to features', field);
  })
  .meta({ id: 'EmbedRequest', description: 'Items, and what their vectors are' });
export type EmbedRequestBody = z.input<typeof embedRequestSchema>;
export type EmbedRequest = z.output<typeof embedRequestSchema>;

const isNumber = (value: unknown): boolean => typeof value === 'number';

/**
 * Numbers, or base64. Looked at as a whole: a schema of each number would hold the event loop for a second where an
 * answer has as many as it may.
 */
export const valuesSchema = z
  .any()
  .superRefine((value: unknown, context) => {
    if (typeof value === 'string' || (Array.isArray(value) && value.every(isNumber))) return;
    context.addIssue({ code: 'custom', message: 'must be a list of numbers, or base64' });
  })
  .meta({
    description: 'Its numbers, or base64 of their bytes, as asked for',
    anyOf: [{ type: 'array', items: { type: 'number' } }, { type: 'string' }],
  }) as unknown as z.ZodType<number[] | string, number[] | string>;
const scaleSchema = z
  .number()
  .optional()
  .describe('Of int8: what its numbers are to be multiplied by');

export const vectorSchema = z
  .object({ values: valuesSchema, scale: scaleSchema })
  .meta({ id: 'Vector', description: 'A vector in the encoding that was asked for' });
export type Vector = z.infer<typeof vectorSchema>;

export const tokenFeaturesSchema = z
  .object({
    positions: z
      .array(count)
      .describe('Index in the grid of a picture, row by row; 0, 1, 2 ... of a sequence'),
    vectors: z.array(vectorSchema).describe('A vector for each position'),
  })
  .meta({ id: 'TokenFeatures', description: 'Features of the tokens of a modality' });

export const embeddedItemSchema = z
  .object({
    embedding: vectorSchema
      .optional()
      .describe('The vector, except of features by modality or token'),
    modalities: z
      .record(z.string(), vectorSchema)
      .optional()
      .describe('Input -> the mean of its tokens, for features of modalities'),
    tokens: z
      .record(z.string(), tokenFeaturesSchema)
      .optional()
      .describe('Input -> its tokens, for features of tokens'),
    agreement: z
      .number()
      .optional()
      .describe(
        'Length of the mean of the samples as unit vectors, 0 to 1: 1 when all are the same; absent for one',
      ),
  })
  .meta({ id: 'EmbeddedItem', description: 'What was made of an item' });
export type EmbeddedItem = z.infer<typeof embeddedItemSchema>;

/** What is asked for, as it is told again in the answer. */
const kindFields = {
  target: z.string().optional().describe('The embedding that was predicted, by its public name'),
  features: featureKindSchema.optional().describe("Which of the encoder's features these are"),
  dimensions: count.describe('Numbers of a vector'),
  normalised: z.boolean().describe('Whether each vector has length 1'),
  encoding: encodingSchema.describe('What a number of a vector is'),
};

export const embedResponseSchema = z
  .object({
    dry_run: z.literal(false).optional().describe('True only in the answer to a dry run'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: servedBySchema,
    computed: computedSchema,
    ...kindFields,
    items: z.array(embeddedItemSchema).describe('In the order of the request'),
    usage: usageSchema
      .extend({
        input_tokens: count.optional().describe('Tokens that the model read of the items'),
      })
      .meta({ id: 'EmbedUsage', description: 'What a request for vectors cost' }),
    warnings: warningsSchema,
    sources: sourcesSchema,
  })
  .meta({ id: 'EmbedResponse', description: 'Vectors of the items' });
export type EmbedResponse = z.infer<typeof embedResponseSchema>;

export const embedDryRunSchema = z
  .object({
    dry_run: z.literal(true).describe('Tells the answer from one with vectors'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: z.string().describe('The model that the request goes to'),
    ...kindFields,
    items: z.array(embeddedItemSchema).describe('Empty, since nothing is run'),
    usage: z
      .object({
        encoder_passes: count.describe('Passes of the encoder'),
        decoder_passes: count.describe('Passes of the decoder'),
        units: count.describe('What the request will be charged'),
        ...priceFields,
      })
      .describe('What the request will cost'),
    exact: z
      .boolean()
      .describe('False when a mask, which only the worker reads, may leave less to do'),
  })
  .meta({ id: 'EmbedDryRun', description: 'What a request for vectors would cost' });
export type EmbedDryRun = z.infer<typeof embedDryRunSchema>;
