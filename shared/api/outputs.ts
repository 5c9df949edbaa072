/** Generated and decoded values, what made them, and what it cost. */
import * as z from 'zod';
import { refSchema } from './inputs.ts';
import { priceFields } from './price.ts';

const count = z.number().int();

const legendEntrySchema = z
  .object({
    id: count.describe('Index of the class in `data`'),
    name: z.string().describe('Name of the class'),
    colour: z.string().describe('Its colour in `image`, as #rrggbb'),
  })
  .meta({ id: 'LegendEntry', description: 'A class of semantic segmentation' });

const fileLinkSchema = z
  .object({
    size: count.describe('Bytes'),
    content_type: z.string().describe('Media type'),
    sha256: z.string().describe('sha256 of the bytes, in hexadecimal'),
    expires_at: z.string().describe('When the link ends: RFC 3339'),
  })
  .meta({ id: 'FileLink', description: 'A file that is answered as a link' });
export type FileLink = z.infer<typeof fileLinkSchema>;

const linksSchema = z
  .object({
    image: fileLinkSchema.optional().describe('Of `image`'),
    data: fileLinkSchema.optional().describe('Of `data`'),
    array: fileLinkSchema.optional().describe('Of `array`'),
  })
  .optional()
  .describe('Fields that hold the address of a file, and no data URL, since it is large');

/** One generated value of one target: the tokens, and what they mean. */
export const outputSchema = z
  .object({
    modality: z.string().describe("The model's own name, such as tok_depth@224"),
    presentation: z.string().describe('What kind of value it is, such as depth, text or boxes'),
    sample: count.describe('Which of num_samples it belongs to, from 0'),
    tokens: z.array(count).describe('Token ids, in order of position'),
    ref: refSchema.optional().describe('Names the tokens in the store, when they were kept'),
    image: z.string().optional().describe('A picture to look at: data URL of a PNG'),
    data: z
      .string()
      .optional()
      .describe(
        'The exact values as a data URL: 16-bit PNG of depth, indexed PNG of classes, .npy',
      ),
    data_type: z.string().optional().describe('Media type of data'),
    array: z
      .string()
      .optional()
      .describe('The decoded numbers as an .npy data URL, where data is a picture made of them'),
    text: z.string().optional().describe('Text as generated, for sequences'),
    value: z
      .unknown()
      .optional()
      .describe('The parsed value: boxes, palette colours, metadata fields, or a vector'),
    links: linksSchema,
    legend: z
      .array(legendEntrySchema)
      .optional()
      .describe('Classes that occur, with their colours'),
    warnings: z
      .array(z.string())
      .optional()
      .describe('Parts of the generated text that are not of the modality, and were left out'),
  })
  .meta({ id: 'Output', description: 'A generated value: its tokens, and what they stand for' });
export type Output = z.infer<typeof outputSchema>;

/** What all samples of a target make together: dense instances, doubles merged. */
export const mergedSchema = outputSchema
  .pick({ value: true, image: true, data: true, warnings: true, links: true })
  .meta({ id: 'Merged', description: 'What all samples of a target make together' });
export type Merged = z.infer<typeof mergedSchema>;

/** What a request costs. Passes are rows: a guided step counts each condition, a batch each sample. */
export const usageSchema = z
  .object({
    encoder_passes: count.describe('Passes of the encoder'),
    decoder_passes: count.describe(
      'Passes of the decoder; a sequence is written in one for each of its conditions',
    ),
    units: count
      .optional()
      .describe(
        "Token-steps weighted by the model's size, and pixels that are decoded; known before the request runs",
      ),
    ...priceFields,
    generated_tokens: count.describe(
      'Tokens that were made here, given and reused ones not counted',
    ),
    milliseconds: z.number().describe('Time that the work took'),
  })
  .meta({ id: 'Usage', description: 'What a request cost' });

/** Where a result comes from; absent in results that say so otherwise. */
export const computedSchema = z
  .object({
    at: z.string().describe('When: RFC 3339'),
    request_id: z.string().optional().describe('For which request, by its X-Request-Id'),
  })
  .optional()
  .describe(
    'When the result was computed, and for which request: an earlier one where it was stored',
  );

export type ToldComputed = z.infer<typeof computedSchema>;

export const servedBySchema = z
  .object({
    id: z.string().describe('Name of the model, as a request names it'),
    digest: z.string().describe("Hash of the model's weights and settings"),
    licence: z.string().describe('Licence of the weights'),
    precision: z.string().describe('Precision of the weights, such as fp32 or int8'),
  })
  .meta({ id: 'ServedBy', description: 'The model that made an answer' });
export type ServedBy = z.infer<typeof servedBySchema>;
