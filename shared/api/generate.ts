/** `POST /v1/generate`: any inputs -> any targets. */
import { z } from 'zod';

const base64 = z.string().max(28_000_000);

/**
 * A value given for one input modality. A plain string is text for sequence modalities, and a data URL
 * for pictures. `tokens` are raw ids, for every tokenized modality.
 */
export const inputValueSchema = z.union([
  z.string().max(28_000_000),
  z.strictObject({ text: z.string().max(100_000) }),
  z.strictObject({ data: base64.describe('File bytes in base64') }),
  z.strictObject({ tokens: z.array(z.number().int().min(0)).min(1).max(4096) }),
]);
export type InputValue = z.infer<typeof inputValueSchema>;

export const schemeSchema = z.enum(['maskgit', 'roar', 'autoregressive']);

/** Settings of one target; what is absent takes the recommended default for its modality and inputs. */
export const targetSchema = z.strictObject({
  modality: z.string().min(1).max(64),
  scheme: schemeSchema.optional(),
  /** Decoding steps, image-like targets only. */
  steps: z.number().int().min(1).max(1024).optional(),
  token_schedule: z.enum(['cosine', 'linear']).optional(),
  temperature: z.number().min(0).max(100).optional(),
  /** `constant`, `linear`, or `onex:MIN:POWER`. */
  temperature_schedule: z
    .string()
    .regex(/^(constant|linear|onex:\d+(\.\d+)?:\d+(\.\d+)?)$/)
    .optional(),
  /** 0 is off; below 1 a fraction of the vocabulary; otherwise a count. */
  top_k: z.number().min(0).max(65536).optional(),
  /** 0 is off. */
  top_p: z.number().min(0).max(1).optional(),
  /** 1 is no guidance. */
  guidance_scale: z.number().min(-100).max(100).optional(),
  /** Tokens to generate at most, sequence targets only. */
  max_tokens: z.number().int().min(1).max(1024).optional(),
});
export type TargetSettings = z.infer<typeof targetSchema>;

export const generateRequestSchema = z.strictObject({
  model: z.string().min(1).max(128).optional(),
  inputs: z
    .record(z.string().min(1).max(64), inputValueSchema)
    .refine((v) => Object.keys(v).length > 0, 'at least one input is needed'),
  targets: z
    .array(
      z.union([
        z
          .string()
          .min(1)
          .max(64)
          .transform((modality) => ({ modality })),
        targetSchema,
      ]),
    )
    .min(1)
    .max(32),
  /** When true, a finished target becomes an input of the next ones. */
  chained: z.boolean().default(true),
  /** Absent: derived from the request, so that equal requests give equal results. */
  seed: z
    .union([
      z
        .number()
        .int()
        .min(0)
        .max(2 ** 32 - 1),
      z.literal('random'),
    ])
    .optional(),
  num_samples: z.number().int().min(1).max(16).default(1),
});
export type GenerateRequestBody = z.input<typeof generateRequestSchema>;
export type GenerateRequest = z.output<typeof generateRequestSchema>;

/** One generated value of one target: the tokens, and what they mean. */
export const outputSchema = z.object({
  modality: z.string().describe("The model's own name, such as tok_depth@224"),
  presentation: z.string(),
  sample: z.number().int(),
  tokens: z.array(z.number().int()),
  /** A picture to look at (data URL of a PNG), for image-like targets. */
  image: z.string().optional(),
  /** The exact values as a data URL (16-bit PNG for depth, indexed PNG for semseg, npy for maps). */
  data: z.string().optional(),
  /** Text as generated, for sequence targets. */
  text: z.string().optional(),
  /** The parsed value: boxes, palette colours, metadata fields, or a vector. */
  value: z.unknown().optional(),
  /** Class names with their colours, for semantic segmentation. */
  legend: z
    .array(z.object({ id: z.number().int(), name: z.string(), colour: z.string() }))
    .optional(),
  warnings: z.array(z.string()).optional(),
});
export type Output = z.infer<typeof outputSchema>;

export const generateResponseSchema = z.object({
  id: z.string().describe('The request hash: equal requests have equal ids'),
  model: z.object({
    id: z.string(),
    digest: z.string(),
    licence: z.string(),
    precision: z.string(),
  }),
  seed: z.number().int(),
  /** Public target name -> one output a sample. */
  outputs: z.record(z.string(), z.array(outputSchema)),
  usage: z.object({
    /** Forward passes of the encoder and of the decoder. */
    encoder_passes: z.number().int(),
    decoder_passes: z.number().int(),
    generated_tokens: z.number().int(),
    milliseconds: z.number(),
  }),
});
export type GenerateResponse = z.infer<typeof generateResponseSchema>;

/** One server-sent event (`event: progress`), one a decoding step. */
export const progressSchema = z.object({
  target: z.string(),
  step: z.number().int(),
  steps: z.number().int(),
  /** Share of the whole request, 0 to 1. */
  fraction: z.number(),
});
export type Progress = z.infer<typeof progressSchema>;
