/** `POST /v1/embeddings`, as clients of OpenAI's API ask for vectors of texts and read them. */
import * as z from 'zod';
import { MOST_ITEMS, valuesSchema } from './embed.ts';
import { TEXT_LENGTH } from './inputs.ts';
import { priceFields } from './price.ts';

const count = z.number().int();

/** Token ids of one tokenizer mean nothing to any other. */
const RULE =
  `must be a text that is not empty, or a list of 1 to ${MOST_ITEMS} of them; token ids of another ` +
  'tokenizer are not taken';

const text = z.string(RULE).min(1).max(TEXT_LENGTH);

export const embeddingsRequestSchema = z
  .strictObject({
    input: z
      .union([text, z.array(text).min(1).max(MOST_ITEMS)], RULE)
      .describe(`A text, or 1 to ${MOST_ITEMS} of them`),
    model: z
      .string()
      .min(1)
      .max(256)
      .describe(
        'A model, as /v1/models names it, whose first global embedding is answered; MODEL/TARGET names another one',
      ),
    encoding_format: z
      .enum(['float', 'base64'])
      .default('float')
      .describe('Numbers, or base64 of float32'),
    dimensions: count
      .min(1)
      .optional()
      .describe("Has to be the embedding's own number: a vector of this kind cannot be shortened"),
    user: z.string().max(256).optional().describe('Taken and not used'),
  })
  .meta({ id: 'EmbeddingsRequest', description: "Texts, as OpenAI's clients send them" });
export type EmbeddingsRequest = z.output<typeof embeddingsRequestSchema>;

export const embeddingsResponseSchema = z
  .object({
    object: z.literal('list').describe('What this is'),
    data: z
      .array(
        z.object({
          object: z.literal('embedding').describe('What this is'),
          index: count.describe('Place of its text in the request'),
          embedding: valuesSchema,
        }),
      )
      .describe('A vector for each text'),
    model: z.string().describe('The model and its embedding, as MODEL/TARGET'),
    usage: z
      .object({
        prompt_tokens: count.describe('Tokens that the model read'),
        total_tokens: count.describe('The same'),
        units: count.optional().describe('What it cost, where that is charged'),
        ...priceFields,
      })
      .describe('What was read'),
  })
  .meta({ id: 'EmbeddingsResponse', description: "Vectors, as OpenAI's clients read them" });
export type EmbeddingsResponse = z.infer<typeof embeddingsResponseSchema>;
