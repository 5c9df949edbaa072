/** `POST /v1/images/generations` and `/v1/images/edits`, as clients of OpenAI's API ask for pictures and read them. */
import * as z from 'zod';
import { seedSchema } from './generate.ts';
import { TEXT_LENGTH } from './inputs.ts';
import { priceFields } from './price.ts';
import { warningsSchema } from './warning.ts';

const count = z.number().int();

/** Pictures of a request at most, as samples of `/v1/generate`. */
export const MOST_IMAGES = 16;
/** Pictures of what is there so far at most. */
const MOST_PARTIAL = 3;

/** Fields that both requests have. Those clients write null for what is not said. */
const fields = {
  prompt: z.string().min(1).max(TEXT_LENGTH).describe('The caption of the picture'),
  model: z
    .string()
    .min(1)
    .max(128)
    .nullish()
    .describe('A model, as /v1/models names it; the first one that paints from text when absent'),
  n: count.min(1).max(MOST_IMAGES).nullish().describe('Pictures; 1 when absent'),
  size: z
    .string()
    .regex(/^(auto|\d{1,5}x\d{1,5})$/, 'must be auto, or WIDTHxHEIGHT in pixels')
    .nullish()
    .describe("auto, the model's own, or a size that the loaded models make, such as 224x224"),
  response_format: z
    .enum(['b64_json', 'url'])
    .nullish()
    .describe('Base64 of the pictures, or addresses that hold for a while; b64_json when absent'),
  output_format: z
    .enum(['png'], 'must be png, in which all pictures are answered')
    .nullish()
    .describe('PNG, in which all pictures are answered'),
  quality: z
    .enum(['auto', 'standard'], 'must be auto or standard: there is one quality')
    .nullish()
    .describe('There is one'),
  background: z
    .enum(['auto', 'opaque'], 'must be auto or opaque: pictures have no transparency')
    .nullish()
    .describe('Pictures have no transparency'),
  stream: z
    .boolean()
    .nullish()
    .describe('Whether events are answered: pictures so far, and each picture when it is there'),
  partial_images: count
    .min(0)
    .max(MOST_PARTIAL)
    .nullish()
    .describe('Pictures of what is there so far at most, where the decoder makes them cheaply'),
  user: z.string().max(256).nullish().describe('Taken and not used'),
  seed: z
    .union([seedSchema, z.literal('random')], 'must be random or a whole number below 2^32')
    .optional()
    .describe(
      'Not of OpenAI. Absent: derived from the request, so that equal requests have equal pictures',
    ),
};

/** @throws nothing: what does not go together is an issue of the request */
function goTogether(
  {
    stream,
    partial_images,
    response_format,
  }: {
    readonly stream?: boolean | null | undefined;
    readonly partial_images?: number | null | undefined;
    readonly response_format?: string | null | undefined;
  },
  context: z.RefinementCtx,
): void {
  const refuse = (message: string, field: string): void =>
    context.addIssue({ code: 'custom', message, path: [field] });
  if (partial_images && !stream) refuse('needs stream to be true', 'partial_images');
  if (stream && response_format === 'url')
    refuse('must be b64_json with stream, whose events hold the pictures', 'response_format');
}

export const imageGenerationsRequestSchema = z
  .strictObject({
    ...fields,
    moderation: z.enum(['auto', 'low']).nullish().describe('Taken and not used'),
  })
  .superRefine(goTogether)
  .meta({ id: 'ImageGenerationsRequest', description: "A prompt, as OpenAI's clients send it" });

const fileSchema = z.strictObject({ data: z.string() }, 'must be a file');

export const imageEditsRequestSchema = z
  .strictObject({
    ...fields,
    image: fileSchema.describe('The picture'),
    mask: fileSchema
      .optional()
      .describe(
        'A picture of the same size, where transparency says what is to be painted; the transparency of `image` when absent',
      ),
  })
  .superRefine(goTogether)
  .meta({ description: "A picture and what is to be painted in it, as OpenAI's clients send it" });

export type ImageGenerationsRequest = z.output<typeof imageGenerationsRequestSchema>;
export type ImageEditsRequest = z.output<typeof imageEditsRequestSchema>;
export type ImagesRequest = ImageGenerationsRequest | ImageEditsRequest;

const imagesUsageSchema = z
  .object({
    input_tokens: count.describe('Tokens that the model reads, as they are priced'),
    input_tokens_details: z
      .object({
        text_tokens: count.describe('Of texts'),
        image_tokens: count.describe('Of pictures'),
      })
      .describe('What they are of'),
    output_tokens: count.describe('Tokens that were made'),
    total_tokens: count.describe('All of them'),
    units: count.optional().describe('Not of OpenAI: what is charged'),
    ...priceFields,
  })
  .meta({ id: 'ImagesUsage', description: 'What was read and made' });
export type ImagesUsage = z.infer<typeof imagesUsageSchema>;

const madeFields = {
  background: z.literal('opaque').describe('Pictures have no transparency'),
  output_format: z.literal('png').describe('What the pictures are'),
  quality: z.literal('auto').describe('There is one'),
  size: z.string().describe('WIDTHxHEIGHT in pixels'),
};

export const imagesResponseSchema = z
  .object({
    created: count.describe('When the pictures were made, in unix seconds'),
    data: z
      .array(
        z.object({
          b64_json: z.string().optional().describe('The picture in base64'),
          url: z.string().optional().describe('Where the picture is for a while'),
        }),
      )
      .describe('The pictures'),
    ...madeFields,
    usage: imagesUsageSchema,
    model: z.string().describe('Not of OpenAI: the model that was asked'),
    seed: count.describe('Not of OpenAI: the seed, which makes the same pictures again'),
    warnings: warningsSchema,
  })
  .meta({ id: 'ImagesResponse', description: "Pictures, as OpenAI's clients read them" });
export type ImagesResponse = z.infer<typeof imagesResponseSchema>;

/** @param kind what clients call the events of a request */
const eventSchemas = (kind: 'image_generation' | 'image_edit') => {
  const common = {
    b64_json: z.string().describe('The picture in base64'),
    created_at: count.describe('When, in unix seconds'),
    ...madeFields,
  };
  const partial = z.object({
    type: z.literal(`${kind}.partial_image`).describe('The name of the event'),
    partial_image_index: count.describe('Which one, from 0'),
    ...common,
  });
  const of = (schema: z.ZodObject, description: string) => schema.meta({ description });
  const completed = z.object({
    type: z.literal(`${kind}.completed`).describe('The name of the event'),
    usage: imagesUsageSchema,
    ...common,
  });
  const error = z.object({
    type: z.literal('error').describe('The name of the event'),
    error: z.record(z.string(), z.unknown()).describe('What went wrong, as in a problem'),
  });
  return {
    [`${kind}.partial_image`]: of(partial, 'What is there of the first picture so far'),
    [`${kind}.completed`]: of(completed, 'A picture'),
    error: of(error, 'Why there is no picture'),
  };
};

export const IMAGE_EVENTS = {
  generations: eventSchemas('image_generation'),
  edits: eventSchemas('image_edit'),
} as const;
