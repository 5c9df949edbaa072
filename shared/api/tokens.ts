/** `POST /v1/tokenize`, `POST /v1/detokenize` and `GET /v1/tokens/{ref}`: values <-> tokens, kept or not. */
import * as z from 'zod';
import { generateRequestSchema, outputSchema, refSchema, servedBySchema } from './generate.ts';
import { warningsSchema } from './warning.ts';

const name = z.string().min(1).max(64);
const modelName = z.string().min(1).max(128).optional();
/** Null is not known: hidden, or never given. */
const tokens = z.array(z.number().int().min(0).nullable()).min(1).max(4096);

export const tokenizeRequestSchema = z.strictObject({
  model: modelName,
  inputs: generateRequestSchema.shape.inputs,
  /** Keeps the tokens, which then have a `ref`. */
  keep: z.boolean().optional(),
});
export type TokenizeRequestBody = z.input<typeof tokenizeRequestSchema>;
export type TokenizeRequest = z.output<typeof tokenizeRequestSchema>;

export const tokenizedSchema = z.object({
  modality: z.string().describe("The model's own name, such as tok_depth@224"),
  tokens,
  ref: refSchema.optional(),
});
export const tokenizeResponseSchema = z.object({
  model: servedBySchema,
  /** Input name -> its tokens. */
  inputs: z.record(z.string(), tokenizedSchema),
  warnings: warningsSchema,
});
export type TokenizeResponse = z.infer<typeof tokenizeResponseSchema>;

/** How tokens become values: the noise that a diffusion decoder starts from, and its steps. */
const decodingShape = {
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0),
  /** Denoising steps of diffusion decoders; the tokenizer's own number when absent. */
  steps: z.number().int().min(1).max(1000).optional(),
};

export const detokenizeRequestSchema = z.strictObject({
  model: modelName,
  /** Modality, by its public or own name -> its complete tokens, or the reference of kept ones. */
  tokens: z
    .record(
      name,
      z.union([
        z.strictObject({ tokens: z.array(z.number().int().min(0)).min(1).max(4096) }),
        z.strictObject({ ref: refSchema }),
      ]),
    )
    .refine((given) => Object.keys(given).length > 0, 'tokens of at least one modality are needed')
    .refine((given) => Object.keys(given).length <= 32, 'at most 32 modalities'),
  ...decodingShape,
});
export type DetokenizeRequestBody = z.input<typeof detokenizeRequestSchema>;
export type DetokenizeRequest = z.output<typeof detokenizeRequestSchema>;

export const detokenizeResponseSchema = z.object({
  model: servedBySchema,
  /** The same names as in the request. */
  outputs: z.record(z.string(), outputSchema),
});
export type DetokenizeResponse = z.infer<typeof detokenizeResponseSchema>;

/** What the store holds under a reference, and `GET /v1/tokens/{ref}` answers as JSON. */
export const keptTokensSchema = z.object({
  format: z.literal(1),
  /** The model's own name of what the tokens stand for. */
  modality: z.string(),
  presentation: z.string(),
  vocabulary: z.number().int(),
  model: z.object({ id: z.string(), digest: z.string() }),
  /** Empty for a sequence that ended at once. */
  tokens: z.array(z.number().int().min(0).nullable()).max(4096),
});
export type KeptTokens = z.infer<typeof keptTokensSchema>;
