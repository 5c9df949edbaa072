/** `POST /v1/generate`: any inputs -> any targets. */
import * as z from 'zod';
import { warningsSchema } from './warning.ts';

/** Base64 of at most 21 MB. */
const base64 = z.string().max(28_000_000);
const weight = z.number().min(-100).max(100);

/** Values and containers in a JSON value at most, and how deep they nest. */
const JSON_NODES = 50_000;
const JSON_DEPTH = 12;

function isBounded(value: unknown): boolean {
  let nodes = 0;
  const visit = (part: unknown, depth: number): boolean => {
    nodes++;
    if (nodes > JSON_NODES || depth > JSON_DEPTH) return false;
    if (typeof part === 'string') return part.length <= 1_000_000;
    if (typeof part !== 'object' || part === null) return true;
    return Object.values(part).every((child) => visit(child, depth + 1));
  };
  return visit(value, 0);
}
/** Any JSON value within those bounds. */
const jsonValue = z.custom<NonNullable<unknown> | null>(
  (value) => value !== undefined && isBounded(value),
  `a JSON value of at most ${JSON_NODES} parts, nested at most ${JSON_DEPTH} deep, is needed`,
);

/** Names tokens that were kept: the hash of what the store holds of them. */
export const refSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'a reference is sha256: and 64 hexadecimal digits');

const fraction = z.number().min(0).max(1);
const hiddenSchema = z.union([
  z.strictObject({
    box: z
      .tuple([fraction, fraction, fraction, fraction])
      .refine(([xmin, ymin, xmax, ymax]) => xmin < xmax && ymin < ymax, {
        message: 'a box is [xmin, ymin, xmax, ymax] with xmin < xmax and ymin < ymax',
      }),
  }),
  z.strictObject({ mask: base64.min(1).describe('Picture in base64; white is hidden') }),
]);
/** What is not to be seen of a picture: each token that any of it touches is not given. */
export const hideSchema = z.union([hiddenSchema, z.array(hiddenSchema).min(1).max(64)]);
export type Hidden = z.infer<typeof hiddenSchema>;

const hide = hideSchema.optional();

/**
 * A value given for one input modality. A plain string is text for sequence modalities, and a data URL
 * for pictures. `value` is JSON in the form in which the modality is answered. `tokens` are raw ids, for
 * every tokenized modality, where null is not known. Text may hold gaps, `[S_1]` to `[S_199]`.
 */
export const inputValueSchema = z.union([
  z.string().max(28_000_000),
  z.strictObject({ text: z.string().max(100_000) }),
  z.strictObject({
    data: base64.describe('Bytes of a picture, .npy or .safetensors file in base64'),
    hide,
  }),
  z.strictObject({ value: jsonValue, hide }),
  z.strictObject({
    tokens: z.array(z.number().int().min(0).nullable()).min(1).max(4096),
    hide,
  }),
  z.strictObject({ ref: refSchema, hide }),
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
    .max(40)
    .regex(/^(constant|linear|onex:\d+(\.\d+)?:\d+(\.\d+)?)$/)
    .optional(),
  /** 0 is off; below 1 a fraction of the vocabulary; otherwise a count. */
  top_k: z.number().min(0).max(65536).optional(),
  /** 0 is off. */
  top_p: z.number().min(0).max(1).optional(),
  /** 1 is no guidance. */
  guidance_scale: weight.optional(),
  /** Input or earlier target -> how much it counts; those that are not named count as no condition. */
  guidance: z
    .record(z.string().min(1).max(64), weight)
    .refine(
      (weights) => {
        const { length } = Object.keys(weights);
        return length >= 1 && length <= 16;
      },
      { message: 'guidance weighs 1 to 16 inputs' },
    )
    .optional(),
  /** Tokens to generate at most, sequence targets only. */
  max_tokens: z.number().int().min(1).max(1024).optional(),
});
export type TargetSettings = z.infer<typeof targetSchema>;

export const presetSchema = z.enum(['rgb-to-all', 'anything-to-rgb', 'super-resolution']);
export type PresetName = z.infer<typeof presetSchema>;

/** Time a request may take at least: a smaller bound could not even be told apart from a network's delay. */
export const LEAST_DEADLINE_MS = 50;

export const generateRequestSchema = z
  .strictObject({
    model: z.string().min(1).max(128).optional(),
    /** Settings and targets of the published demos; what the request says itself wins. */
    preset: presetSchema.optional(),
    inputs: z
      .record(z.string().min(1).max(64), inputValueSchema)
      .refine((v) => Object.keys(v).length > 0, 'at least one input is needed')
      .refine((v) => Object.keys(v).length <= 32, 'at most 32 inputs'),
    /** May be absent with a preset, which then names them. */
    targets: z
      .array(
        z.union([
          z
            .string()
            .min(1)
            .max(64)
            .transform((modality): TargetSettings => ({ modality })),
          targetSchema,
        ]),
      )
      .max(32)
      .default([]),
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
    /** Answers the plan and what it costs, and runs nothing. */
    dry_run: z.boolean().optional(),
    /** The request fails when it has not ended after so many milliseconds. */
    deadline_ms: z.number().int().min(LEAST_DEADLINE_MS).max(3_600_000).optional(),
    /** Keeps the tokens of inputs and outputs, which then have a `ref`. */
    keep: z.boolean().optional(),
    /** `tokens` leaves pictures and values undecoded; `GET /v1/tokens/{ref}` decodes kept ones. */
    outputs: z.enum(['values', 'tokens']).optional(),
    /** Progress events carry a picture of what is there so far, where that is cheap. */
    previews: z.boolean().optional(),
  })
  .refine(({ targets, preset }) => targets.length > 0 || preset !== undefined, {
    message: 'at least one target is needed, or a preset',
    path: ['targets'],
  });
export type GenerateRequestBody = z.input<typeof generateRequestSchema>;
export type GenerateRequest = z.output<typeof generateRequestSchema>;

/** One generated value of one target: the tokens, and what they mean. */
export const outputSchema = z.object({
  modality: z.string().describe("The model's own name, such as tok_depth@224"),
  presentation: z.string(),
  sample: z.number().int(),
  tokens: z.array(z.number().int()),
  /** Names the tokens in the store, when they were kept. */
  ref: refSchema.optional(),
  /** A picture to look at (data URL of a PNG), for image-like targets. */
  image: z.string().optional(),
  /** The exact values as a data URL (16-bit PNG for depth, indexed PNG for semseg, npy for maps). */
  data: z.string().optional(),
  /** Media type of `data`. */
  data_type: z.string().optional(),
  /** The decoded numbers as an .npy data URL, where `data` is a picture made of them (depth). */
  array: z.string().optional(),
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

/** What all samples of a target make together: dense instances, doubles merged. */
export const mergedSchema = outputSchema.pick({
  value: true,
  image: true,
  data: true,
  warnings: true,
});
export type Merged = z.infer<typeof mergedSchema>;

/** What a request costs. Passes are rows: a guided step counts each condition, a batch each sample. */
export const usageSchema = z.object({
  encoder_passes: z.number().int(),
  /** A sequence is written in one pass for each of its conditions. */
  decoder_passes: z.number().int(),
  /** Token-steps weighted by the model's size, known before the request runs; see `shared/plan/cost.ts`. */
  units: z.number().int().optional(),
  generated_tokens: z.number().int(),
  milliseconds: z.number(),
});

export const servedBySchema = z.object({
  id: z.string(),
  digest: z.string(),
  licence: z.string(),
  precision: z.string(),
});

export const generateResponseSchema = z.object({
  id: z.string().describe('The request hash: equal requests have equal ids'),
  model: servedBySchema,
  seed: z.number().int(),
  /** Public target name -> one output a sample. */
  outputs: z.record(z.string(), z.array(outputSchema)),
  /** Target name -> its samples as one, where that means something (SAM instances). */
  merged: z.record(z.string(), mergedSchema).optional(),
  /** Input name -> its tokens in the store, when they were kept. */
  kept: z.record(z.string(), refSchema).optional(),
  /** Targets that were found in the store, made by an earlier request with the same beginning. */
  reused_targets: z.number().int().optional(),
  /** Models that made targets which the first one does not have. */
  further_models: z.array(servedBySchema).optional(),
  usage: usageSchema,
  warnings: warningsSchema,
});
export type GenerateResponse = z.infer<typeof generateResponseSchema>;

/** Every setting of a target, filled in. */
export const plannedTargetSchema = z.object({
  target: z.string(),
  /** The model's own name. */
  modality: z.string(),
  model: z.string(),
  scheme: schemeSchema,
  /** Tokens that are generated; at most so many for a sequence. */
  tokens: z.number().int(),
  /** Tokens settled at each step, and its temperature; empty for sequences. */
  steps: z.array(z.object({ tokens: z.number().int(), temperature: z.number() })),
  temperature: z.number(),
  top_k: z.number(),
  top_p: z.number(),
  /** One weight for all inputs, or one for each. */
  guidance: z.union([z.number(), z.record(z.string(), z.number())]),
});
export type PlannedTarget = z.infer<typeof plannedTargetSchema>;

/** The answer to `dry_run`. */
export const dryRunResponseSchema = z.object({
  dry_run: z.literal(true),
  id: z.string(),
  model: z.string(),
  seed: z.number().int(),
  chained: z.boolean(),
  num_samples: z.number().int(),
  plan: z.array(plannedTargetSchema),
  usage: z.object({
    encoder_passes: z.number().int(),
    decoder_passes: z.number().int(),
    units: z.number().int(),
    /** Sequences may end earlier. */
    generated_tokens_at_most: z.number().int(),
  }),
  /** False when a mask picture, which only the worker reads, may leave less to do; units hold anyway. */
  exact: z.boolean(),
});
export type DryRunResponse = z.infer<typeof dryRunResponseSchema>;

/** One server-sent event (`event: progress`), one a decoding step. */
export const progressSchema = z.object({
  target: z.string(),
  step: z.number().int(),
  steps: z.number().int(),
  /** Share of the whole request, 0 to 1. */
  fraction: z.number(),
  /** Data URL of a picture of the first sample so far; tokens that are not there yet are holes. */
  preview: z.string().optional(),
});
export type Progress = z.infer<typeof progressSchema>;
