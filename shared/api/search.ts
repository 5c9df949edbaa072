/** `POST /v1/collections/{name}/search`: the items whose vectors are nearest to what is asked for. */
import * as z from 'zod';
import { itemIdSchema, itemSchema, vectorSchema } from './collections.ts';
import { filterSchema } from './filters.ts';
import { inputsSchema } from './inputs.ts';
import { sourcesSchema } from './takeInput.ts';
import { costFields, dryRunFieldSchema } from './vectorUsage.ts';

/** Results of a search at most. */
export const MOST_RESULTS = 1000;

const SOURCES = ['inputs', 'item', 'vector'] as const;
const sources = {
  inputs: inputsSchema.optional(),
  item: itemIdSchema.optional(),
  vector: vectorSchema.optional(),
};
type Sources = { readonly [K in (typeof SOURCES)[number]]?: unknown };
const given = (part: Sources): number => SOURCES.filter((name) => part[name] !== undefined).length;

export const mixPartSchema = z
  .strictObject({
    ...sources,
    weight: z
      .number()
      .min(-100)
      .max(100)
      .refine((weight) => weight !== 0, 'must not be 0')
      .default(1)
      .describe('How much it counts; below 0 it pushes away'),
  })
  .refine((part) => given(part) === 1, 'must have exactly one of inputs, item, vector')
  .meta({
    id: 'MixPart',
    description: 'One of several things that results should be like, or unlike',
  });
export type MixPart = z.output<typeof mixPartSchema>;

export const searchRequestSchema = z
  .strictObject({
    ...sources,
    mix: z
      .array(mixPartSchema)
      .min(1)
      .max(16)
      .optional()
      .describe('Several of them together: the sum of their vectors of length 1 by weight'),
    k: z.number().int().min(1).max(MOST_RESULTS).default(10).describe('Results; 10 when absent'),
    filter: filterSchema.optional(),
    vectors: z.boolean().default(false).describe("Whether results have their items' vectors"),
    explain: z.boolean().default(false).describe('Whether the answer says how it was found'),
    dry_run: dryRunFieldSchema,
  })
  .refine(
    ({ mix, ...part }) => given(part) + (mix ? 1 : 0) === 1,
    'must have exactly one of inputs, item, vector, mix',
  )
  .meta({ id: 'SearchRequest', description: 'What to search for' });
export type SearchRequestBody = z.input<typeof searchRequestSchema>;
export type SearchRequest = z.output<typeof searchRequestSchema>;

export const searchResultSchema = itemSchema
  .extend({ score: z.number().describe('Cosine of the angle to what was asked for, from -1 to 1') })
  .meta({ id: 'SearchResult', description: 'An item that was found' });

const count = z.number().int().min(0);
export const explainedSchema = z
  .object({
    method: z
      .enum(['exact', 'index'])
      .describe('Whether every item was compared, or those that the index offered'),
    items: count.describe('Items in the collection'),
    matching: count.describe('Items that the filter leaves'),
    nprobes: count.optional().describe('Parts of the index that were looked at'),
    refine_factor: count
      .optional()
      .describe('Candidates for each result that were compared exactly'),
    recall_at_10: z
      .number()
      .optional()
      .describe('What the index found of a sample of the collection'),
    vector: z.array(z.number()).describe('What was searched for, of length 1'),
    parts: z
      .array(
        z.object({
          weight: z.number().describe('How much it counted'),
          from: z.enum(SOURCES).describe('What it was made of'),
          cosine: z.number().describe('Cosine of the angle between it and what was searched for'),
          tokens: z.array(count).optional().describe('Tokens that were predicted for it'),
        }),
      )
      .describe('What it was mixed of, one by one'),
  })
  .meta({ id: 'ExplainedSearch', description: 'How results were found' });

/** What a worker finds. */
export const foundSchema = z.object({
  results: z.array(searchResultSchema).describe('Nearest first; none in a dry run'),
  explain: explainedSchema.optional(),
});
export type Found = z.infer<typeof foundSchema>;

export const searchResponseSchema = foundSchema
  .extend({ ...costFields, sources: sourcesSchema })
  .meta({ id: 'SearchResponse', description: 'What was found' });
export type SearchResponse = z.infer<typeof searchResponseSchema>;
export type SearchResult = z.infer<typeof searchResultSchema>;
