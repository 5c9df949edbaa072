/**
 * The modality registry: what every published 4M modality is, as data. A checkpoint may carry further
 * entries (metadata key `modality_info`), which extend or replace these; see `resolveModalities`.
 */
import * as z from 'zod';
import { COCO_CLASSES, COCO_COLOURS } from './cocoPanoptic.ts';
import { PRESENTATIONS, type Presentation } from './presentations.ts';

export const presentationSchema = z.enum(PRESENTATIONS);

/** Generation settings that a model recommends for one of its targets, over the general ones. */
const recommendedSettingsSchema = z
  .object({
    scheme: z.enum(['maskgit', 'roar', 'autoregressive']).describe('How tokens are decoded'),
    steps: z.number().int().positive().describe('Decoding steps'),
    token_schedule: z.enum(['cosine', 'linear']).describe('How many tokens each step settles'),
    temperature: z.number().min(0).describe('Of sampling; 0 takes the likeliest'),
    temperature_schedule: z.string().describe('How the temperature falls over the steps'),
    top_k: z.number().min(0).describe('0 is off; below 1 a fraction of the vocabulary'),
    top_p: z.number().min(0).max(1).describe('Nucleus sampling; 0 is off'),
    guidance_scale: z.number().describe('Guidance towards all inputs together; 1 is none'),
  })
  .partial();

/** By what is given: a picture among the inputs, or none. */
export const recommendedSchema = z
  .object({
    from_picture: recommendedSettingsSchema.describe('When a picture is among the inputs'),
    from_text: recommendedSettingsSchema
      .extend({
        via: z
          .array(z.string())
          .optional()
          .describe(
            'Targets to make first, in this order, by public names; each conditions the next',
          ),
      })
      .describe('When none is'),
  })
  .partial();

export const modalityInfoSchema = z.object({
  /** `img`: a fixed grid of tokens (or pixel patches). `seq`: WordPiece ids. `seq_emb`: rows of a text encoder. */
  type: z.enum(['img', 'seq', 'seq_emb']),
  /** True for raw pixels, which enter through a linear projection and are input-only. */
  pixels: z.boolean().default(false),
  /** Absent for pixels and embeddings. */
  vocab_size: z.number().int().positive().optional(),
  /** Tokens of an image modality, or the bound of a sequence. */
  max_tokens: z.number().int().positive(),
  /** Side of the picture in pixels, image modalities only. */
  input_size: z.number().int().positive().optional(),
  /** Side of a patch in pixels, image modalities only. */
  patch_size: z.number().int().positive().optional(),
  /** Width of the rows of a text encoder, `seq_emb` only; 4096 (T5-XXL) in the published models. */
  embedding_size: z.number().int().positive().optional(),
  /** Bins of `v0=..` coordinates in text formats; 1000 in the published models. */
  coord_bins: z.number().int().positive().default(1000),
  classes: z.array(z.string()).optional(),
  palette: z.array(z.tuple([z.number(), z.number(), z.number()])).optional(),
  presentation: presentationSchema,
  /**
   * Stem of the checkpoint of the tokenizer that encodes and decodes the modality; of a sequence, that of
   * the ids within its text (masks of instances, body poses).
   */
  tokenizer: z.string().optional(),
  recommended: recommendedSchema.optional(),
  /**
   * Mean error of the tokenizer's round trip, in levels of 255, up to which a picture counts as one of the
   * kind that the model was trained on. Who trained it measured it on pictures that were not trained on.
   */
  familiar_error: z.number().positive().optional(),
  /** Sequence bound of the decoder's position counter where it differs from `max_tokens` (human_poses). */
  max_length: z.number().int().positive().optional(),
});
export type ModalityInfo = z.infer<typeof modalityInfoSchema>;

/** What a model knows, in words for people: a checkpoint says it under its metadata key `knows`. */
export const knowledgeSchema = z.object({
  world: z.string().describe('What there is in the pictures that it was trained on'),
  words: z.array(z.string()).optional().describe('Words of its captions, if these are all'),
  picture_size: z.number().int().positive().optional().describe('Side of its pictures in pixels'),
});
export type Knowledge = z.infer<typeof knowledgeSchema>;

const pixels = (size: number): ModalityInfo => ({
  type: 'img',
  pixels: true,
  max_tokens: (size / 16) ** 2,
  input_size: size,
  patch_size: 16,
  coord_bins: 1000,
  presentation: 'rgb',
});

const grid = (
  vocab_size: number,
  size: number,
  patch_size: number,
  presentation: Presentation,
  tokenizer: string,
): ModalityInfo => ({
  type: 'img',
  pixels: false,
  vocab_size,
  max_tokens: (size / patch_size) ** 2,
  input_size: size,
  patch_size,
  coord_bins: 1000,
  presentation,
  tokenizer,
});

const semseg = (size: number): ModalityInfo => ({
  ...grid(4096, size, 16, 'semseg', 'tok_semseg'),
  classes: COCO_CLASSES,
  palette: COCO_COLOURS,
});

const sequence = (
  max_tokens: number,
  presentation: Presentation,
  extra: Partial<ModalityInfo> = {},
): ModalityInfo => ({
  type: 'seq',
  pixels: false,
  vocab_size: 30000,
  max_tokens,
  coord_bins: 1000,
  presentation,
  ...extra,
});

/** ARCHITECTURE of 4M-7, 4M-21 and 4M-7-SR: names, vocabularies and token counts as published. */
export const PUBLISHED_MODALITIES: Readonly<Record<string, ModalityInfo>> = {
  'rgb@224': pixels(224),
  'rgb@448': pixels(448),
  'tok_rgb@224': grid(16384, 224, 16, 'rgb', 'tok_rgb'),
  'tok_depth@224': grid(8192, 224, 16, 'depth', 'tok_depth'),
  'tok_normal@224': grid(8192, 224, 16, 'normal', 'tok_normal'),
  'tok_semseg@224': semseg(224),
  'tok_clip@224': grid(8192, 224, 16, 'features', 'tok_clip'),
  'tok_canny_edge@224': grid(8192, 224, 16, 'edge', 'tok_edge'),
  'tok_sam_edge@224': grid(8192, 224, 16, 'edge', 'tok_edge'),
  'tok_dinov2@224': grid(8192, 224, 14, 'features', 'tok_dinov2'),
  'tok_imagebind@224': grid(8192, 224, 14, 'features', 'tok_imagebind'),
  tok_dinov2_global: grid(8192, 224, 56, 'vector', 'tok_dinov2_global'),
  tok_imagebind_global: grid(8192, 224, 56, 'vector', 'tok_imagebind_global'),
  'tok_rgb@448': grid(16384, 448, 16, 'rgb', 'tok_rgb'),
  'tok_depth@448': grid(8192, 448, 16, 'depth', 'tok_depth'),
  'tok_normal@448': grid(8192, 448, 16, 'normal', 'tok_normal'),
  'tok_semseg@448': semseg(448),
  'tok_clip@448': grid(8192, 448, 16, 'features', 'tok_clip'),
  caption: sequence(256, 'text'),
  det: sequence(256, 'boxes'),
  metadata: sequence(40, 'metadata'),
  human_poses: sequence(275, 'poses', { max_length: 263, tokenizer: 'tok_human_poses' }),
  color_palette: sequence(23, 'palette'),
  sam_instance: sequence(290, 'instances', { tokenizer: 'tok_sam_instance' }),
  t5_caption: {
    type: 'seq_emb',
    pixels: false,
    embedding_size: 4096,
    max_tokens: 77,
    coord_bins: 1000,
    presentation: 'text',
  },
};

/** The name a caller uses: `tok_depth@224` is `depth`; pixels and tokens of one picture share `rgb`. */
export const publicName = (modality: string): string =>
  modality.replace(/^tok_/, '').replace(/@\d+$/, '');

/** Presentation guessed from the name, for checkpoint entries that do not say. */
export function presentationOf(modality: string): Presentation {
  const name = publicName(modality);
  if (name === 'rgb' || name === 'depth' || name === 'normal' || name === 'semseg') return name;
  if (name.endsWith('_edge')) return 'edge';
  if (name.endsWith('_global')) return 'vector';
  const text: Record<string, Presentation> = {
    det: 'boxes',
    color_palette: 'palette',
    metadata: 'metadata',
    human_poses: 'poses',
    sam_instance: 'instances',
    caption: 'text',
    t5_caption: 'text',
  };
  return text[name] ?? 'features';
}

/**
 * An entry as the public code has it: keys that do not apply are null there, and a picture's tokens follow
 * from its sizes.
 */
function completed(entry: object): Record<string, unknown> {
  const given: Record<string, unknown> = Object.fromEntries(
    Object.entries(entry).filter(([, value]) => value !== null),
  );
  const { type, max_tokens, input_size, patch_size } = given;
  const isSized = typeof input_size === 'number' && typeof patch_size === 'number';
  return type === 'img' && max_tokens === undefined && isSized
    ? { ...given, max_tokens: Math.floor(input_size / patch_size) ** 2 }
    : given;
}

/**
 * Entries for the given modality names: the checkpoint's own `modality_info` first, then the published
 * table.
 * @throws Error naming the modality that neither describes, or the malformed entry
 */
export function resolveModalities(
  names: readonly string[],
  checkpointInfo: Readonly<Record<string, unknown>> = {},
): Record<string, ModalityInfo> {
  const resolved: Record<string, ModalityInfo> = {};
  for (const name of names) {
    const own = checkpointInfo[name];
    if (own !== undefined && own !== null && typeof own === 'object') {
      const parsed = modalityInfoSchema.safeParse({
        presentation: presentationOf(name),
        ...completed(own),
      });
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        throw new Error(`modality_info.${name}.${issue?.path.join('.')}: ${issue?.message}`);
      }
      resolved[name] = {
        ...parsed.data,
        ...(parsed.data.tokenizer && {
          tokenizer: parsed.data.tokenizer.replace(/\.safetensors$/, ''),
        }),
      };
      continue;
    }
    const published = PUBLISHED_MODALITIES[name];
    if (!published)
      throw new Error(
        `modality ${name}: not in the published table and the checkpoint does not describe it`,
      );
    resolved[name] = published;
  }
  return resolved;
}
