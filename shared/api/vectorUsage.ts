/** What it costs to make vectors of inputs, where that is a part of what a request asks for. */
import * as z from 'zod';
import { servedBySchema } from './outputs.ts';
import { priceFields } from './price.ts';

const count = z.number().int().min(0);

export const vectorUsageSchema = z
  .object({
    encoder_passes: count.describe('Passes of the encoder'),
    decoder_passes: count.describe('Passes of the decoder'),
    units: count.describe(
      'What the vectors are charged; none where ready vectors and items are named alone',
    ),
    ...priceFields,
  })
  .meta({ id: 'VectorUsage', description: 'What it costs to make vectors of the inputs' });
export type VectorUsage = z.infer<typeof vectorUsageSchema>;

export const dryRunFieldSchema = z
  .boolean()
  .optional()
  .describe('Answers what the vectors cost, and runs nothing');

/** Fields of the answer. */
export const costFields = {
  dry_run: z.literal(true).optional().describe('Tells the answer to a dry run from one of a run'),
  usage: vectorUsageSchema,
  model: servedBySchema
    .optional()
    .describe('The model that made vectors of inputs; absent where it was not needed'),
  exact: z
    .boolean()
    .optional()
    .describe('Of a dry run: false when a mask, which only the worker reads, may leave less to do'),
};
