/** `GET /v1/models` and `GET /v1/modalities`: what the loaded models say of themselves. */
import { z } from 'zod';
import { presentationSchema } from '../model/modalities.ts';

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
  /** Forms in which an input can be given: `image`, `text`, `tokens`. */
  accepts: z.array(z.enum(['image', 'text', 'tokens'])),
  classes: z.array(z.string()).optional(),
});
export type Modality = z.infer<typeof modalitySchema>;

export const modelSchema = z.object({
  id: z.string(),
  digest: z.string(),
  licence: z.string(),
  precision: z.string(),
  parameters: z.number().int(),
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
