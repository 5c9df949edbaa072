/** Targets of a request and their settings. */
import * as z from 'zod';

export const schemeSchema = z
  .enum(['maskgit', 'roar', 'autoregressive'])
  .describe('How tokens are decoded; autoregressive for sequences, the others for grids');

const weight = z.number().min(-100).max(100);
/** Inputs that guidance weighs at most. */
const MOST_WEIGHTS = 16;

/** Settings of one target; what is absent takes the recommended default for its modality and inputs. */
export const targetSchema = z
  .strictObject({
    modality: z.string().min(1).max(64).describe('Public name, or one of the model itself'),
    scheme: schemeSchema.optional(),
    steps: z.number().int().min(1).max(1024).optional().describe('Decoding steps, grids only'),
    token_schedule: z
      .enum(['cosine', 'linear'])
      .optional()
      .describe('How many tokens each step settles, grids only'),
    temperature: z
      .number()
      .min(0)
      .max(100)
      .optional()
      .describe('Of sampling; 0 takes the likeliest'),
    temperature_schedule: z
      .string()
      .max(40)
      .regex(
        /^(constant|linear|onex:\d+(\.\d+)?:\d+(\.\d+)?)$/,
        'must be constant, linear or onex:MIN:POWER',
      )
      .optional()
      .describe('How the temperature falls over the steps: constant, linear, or onex:MIN:POWER'),
    top_k: z
      .number()
      .min(0)
      .max(65536)
      .optional()
      .describe('0 is off; below 1 a fraction of the vocabulary; otherwise a count'),
    top_p: z.number().min(0).max(1).optional().describe('Nucleus sampling; 0 is off'),
    guidance_scale: weight.optional().describe('Guidance towards all inputs together; 1 is none'),
    guidance: z
      .record(z.string().min(1).max(64), weight)
      .refine(
        (weights) => {
          const { length } = Object.keys(weights);
          return length >= 1 && length <= MOST_WEIGHTS;
        },
        { message: `must weigh 1 to ${MOST_WEIGHTS} inputs` },
      )
      .optional()
      .describe('Input or earlier target -> its guidance weight; all see those that are not named'),
    max_tokens: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .optional()
      .describe('Tokens to generate at most, sequences only'),
  })
  .meta({ id: 'Target', description: 'A target and its settings' });
export type TargetSettings = z.infer<typeof targetSchema>;

/** Targets of a request at most. */
const MOST_TARGETS = 32;

const targetName = z
  .string()
  .min(1)
  .max(64)
  .transform((modality): TargetSettings => ({ modality }));

export const targetsSchema = z
  .array(
    z.union(
      [targetName, targetSchema],
      'must be the name of a modality, or an object with its settings',
    ),
  )
  .max(MOST_TARGETS)
  .default([])
  .describe('What to generate, in this order: names, or settings. Absent with a preset alone');

export const presetSchema = z.enum(['rgb-to-all', 'anything-to-rgb', 'super-resolution']);
export type PresetName = z.infer<typeof presetSchema>;
