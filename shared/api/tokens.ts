/** `POST /v1/tokenize`, `POST /v1/detokenize` and `GET /v1/tokens/{ref}`: values <-> tokens, kept or not. */
import * as z from 'zod';
import { modelNameSchema, seedSchema } from './generate.ts';
import {
  inputsSchema,
  keptIdsSchema,
  MOST_INPUTS,
  partialTokensSchema,
  refSchema,
  tokensSchema,
} from './inputs.ts';
import { outputSchema, servedBySchema } from './outputs.ts';
import { pricedUnitsSchema } from './price.ts';
import { sourcesSchema } from './takeInput.ts';
import { warningsSchema } from './warning.ts';

export const tokenizeRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    inputs: inputsSchema,
    keep: z.boolean().optional().describe('Keeps the tokens, which then have a ref'),
  })
  .meta({ id: 'TokenizeRequest', description: 'Inputs to turn into tokens' });
export type TokenizeRequestBody = z.input<typeof tokenizeRequestSchema>;
export type TokenizeRequest = z.output<typeof tokenizeRequestSchema>;

export const tokenizedSchema = z
  .object({
    modality: z.string().describe("The model's own name, such as tok_depth@224"),
    tokens: partialTokensSchema,
    ref: refSchema.optional().describe('Names the tokens in the store, when they were kept'),
  })
  .meta({ id: 'Tokenized', description: 'The tokens of one input' });
export const tokenizeResponseSchema = z
  .object({
    model: servedBySchema,
    inputs: z.record(z.string(), tokenizedSchema).describe('Input -> its tokens'),
    usage: pricedUnitsSchema.optional().describe('What the request cost'),
    warnings: warningsSchema,
    sources: sourcesSchema,
  })
  .meta({ id: 'TokenizeResponse', description: 'The tokens of each input' });
export type TokenizeResponse = z.infer<typeof tokenizeResponseSchema>;

export const detokenizeRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    tokens: z
      .record(
        z.string().min(1).max(64),
        z.union(
          [z.strictObject({ tokens: tokensSchema }), z.strictObject({ ref: refSchema })],
          'must be an object with tokens or ref',
        ),
      )
      .refine((given) => Object.keys(given).length > 0, 'must name at least one modality')
      .refine(
        (given) => Object.keys(given).length <= MOST_INPUTS,
        `must name at most ${MOST_INPUTS} modalities`,
      )
      .describe('Modality, by its public or own name -> its complete tokens, or a reference'),
    seed: seedSchema.default(0).describe('Of the noise that a diffusion decoder starts from'),
    steps: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe("Denoising steps of a diffusion decoder; the tokenizer's own number when absent"),
  })
  .meta({ id: 'DetokenizeRequest', description: 'Tokens to turn into what they stand for' });
export type DetokenizeRequestBody = z.input<typeof detokenizeRequestSchema>;
export type DetokenizeRequest = z.output<typeof detokenizeRequestSchema>;

export const detokenizeResponseSchema = z
  .object({
    model: servedBySchema,
    seed: seedSchema.optional().describe('The seed that was used'),
    outputs: z
      .record(z.string(), outputSchema)
      .describe('Modality, as in the request -> its value'),
    usage: pricedUnitsSchema.optional().describe('What the request cost'),
  })
  .meta({ id: 'DetokenizeResponse', description: 'What the tokens stand for' });
export type DetokenizeResponse = z.infer<typeof detokenizeResponseSchema>;

/** What the store holds under a reference, and `GET /v1/tokens/{ref}` answers as JSON. */
export const keptTokensSchema = z
  .object({
    format: z.literal(1).describe('Version of this form'),
    modality: z.string().describe("The model's own name of what the tokens stand for"),
    presentation: z.string().describe('What kind of value it is, such as depth, text or boxes'),
    vocabulary: z.number().int().describe('Ids that the modality has'),
    model: z
      .object({
        id: z.string().describe('Name of the model'),
        digest: z.string().describe("Hash of the model's weights and settings"),
      })
      .describe('The model that made the tokens or was given them'),
    tokens: keptIdsSchema,
  })
  .meta({ id: 'KeptTokens', description: 'Tokens that were kept' });
export type KeptTokens = z.infer<typeof keptTokensSchema>;
