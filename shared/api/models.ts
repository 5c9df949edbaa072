/** `GET /v1/models` and `GET /v1/modalities`: what the loaded models say of themselves. */
import * as z from 'zod';
import { presentationSchema, recommendedSchema } from '../model/modalities.ts';

export const modalitySchema = z.object({
  /** The name callers use. */
  name: z.string(),
  /** The model's own names behind it, such as `rgb@64` and `tok_rgb@64`. */
  modalities: z.array(z.string()),
  type: z.enum(['img', 'seq', 'seq_emb']),
  presentation: presentationSchema,
  input: z.boolean(),
  output: z.boolean(),
  vocabulary: z.number().int().nullable(),
  tokens: z.number().int(),
  input_size: z.number().int().nullable(),
  /**
   * Forms in which an input can be given: a picture (`data`), text, raw `tokens`, JSON (`value`), or an
   * array `file` (`data`: .npy or .safetensors).
   */
  accepts: z.array(z.enum(['image', 'text', 'tokens', 'value', 'file'])),
  classes: z.array(z.string()).optional(),
  /** Settings that the checkpoint itself recommends for it as a target. */
  recommended: recommendedSchema.optional(),
});
export type Modality = z.infer<typeof modalitySchema>;

export const modelSchema = z.object({
  id: z.string(),
  digest: z.string(),
  licence: z.string(),
  precision: z.string(),
  parameters: z.number().int(),
  /** Stems of the loaded tokenizers, such as `tok_rgb`. */
  tokenizers: z.array(z.string()).optional(),
  modalities: z.array(modalitySchema),
});
export type Model = z.infer<typeof modelSchema>;

export const modelsResponseSchema = z.object({ models: z.array(modelSchema) });
export type ModelsResponse = z.infer<typeof modelsResponseSchema>;
export const modalitiesResponseSchema = z.object({
  model: z.string(),
  modalities: z.array(modalitySchema),
});
export type ModalitiesResponse = z.infer<typeof modalitiesResponseSchema>;
