/** `/v1/collections`: what a collection is, and the items in it. `search.ts` has what is asked of one. */
import * as z from 'zod';
import { embedRequestSchema } from './embed.ts';
import { fieldNameSchema, scalarSchema } from './filters.ts';
import { modelNameSchema } from './generate.ts';
import { inputsSchema } from './inputs.ts';
import { sourcesSchema } from './takeInput.ts';
import { costFields, dryRunFieldSchema } from './vectorUsage.ts';

export const collectionNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must have 1 to 63 small letters, digits, _ and -, and begin with a letter or digit',
  )
  .meta({ id: 'CollectionName', description: 'Names a collection' });

export const itemIdSchema = z
  .string()
  .regex(
    /^[^\p{Cc}\p{Cs}]{1,256}$/u,
    'must have 1 to 256 characters, none of them a control character',
  )
  .meta({ id: 'ItemId', description: 'Names an item of a collection' });

/** Numbers of a vector at most. */
export const MOST_DIMENSIONS = 4096;
/** Fields of metadata at most. */
const MOST_FIELDS = 32;
/** Items of one call at most; more of them are imported. */
export const MOST_ITEMS = 256;

/** The first number that does not fit is told, and no other, since one wrong kind makes all of them wrong. */
const numbersSchema = z
  .any()
  .superRefine((value: unknown, context) => {
    const refuse = (message: string, path: number[] = []): void =>
      context.addIssue({ code: 'custom', message, path });
    if (!Array.isArray(value) || value.length < 1 || value.length > MOST_DIMENSIONS)
      return refuse(`must be a list of 1 to ${MOST_DIMENSIONS} numbers`);
    const wrong = value.findIndex((item) => typeof item !== 'number' || !Number.isFinite(item));
    if (wrong >= 0) refuse('must be a finite number', [wrong]);
  })
  .meta({
    type: 'array',
    items: { type: 'number' },
    minItems: 1,
    maxItems: MOST_DIMENSIONS,
  }) as unknown as z.ZodType<number[], number[]>;

export const vectorSchema = z
  .union(
    [
      numbersSchema.describe('Numbers'),
      z.strictObject({
        float32: z
          .string()
          .min(4)
          .max(MOST_DIMENSIONS * 6)
          .describe('Numbers of 32 bits, little-endian, in base64'),
      }),
    ],
    'must be a list of numbers, or {"float32": "base64"}',
  )
  .meta({ id: 'GivenVector', description: 'A ready vector; its length does not matter' });
export type Vector = z.infer<typeof vectorSchema>;

export const METADATA_TYPES = ['string', 'number', 'integer', 'boolean'] as const;

export const metadataFieldSchema = z
  .strictObject({
    type: z.enum(METADATA_TYPES).describe('What kind of value the field takes'),
    filter: z
      .boolean()
      .default(true)
      .describe('Whether filters can name it; such fields are indexed where that helps'),
  })
  .meta({ id: 'MetadataField', description: 'A field that the metadata of items can have' });
export type MetadataField = z.output<typeof metadataFieldSchema>;

export const metadataSchemaSchema = z
  .record(fieldNameSchema, metadataFieldSchema)
  .refine(
    (fields) => Object.keys(fields).length <= MOST_FIELDS,
    `must have at most ${MOST_FIELDS} fields`,
  )
  .describe('Field -> what it takes. Every field may be left out of an item');

const settings = embedRequestSchema.shape;

/** What the items' vectors are. */
export const embeddingSchema = z
  .discriminatedUnion(
    'kind',
    [
      z.strictObject({
        kind: z.literal('vector').describe('Ready vectors of any origin'),
        dimensions: z.number().int().min(1).max(MOST_DIMENSIONS).describe('Numbers of each vector'),
      }),
      z.strictObject({
        kind: z
          .literal('target')
          .describe('A global embedding that a model predicts from any inputs'),
        model: modelNameSchema,
        target: z.string().min(1).max(64).describe('Such as dinov2_global'),
        steps: settings.steps,
        samples: settings.samples,
        guidance_scale: settings.guidance_scale,
        ready_vectors: z
          .enum(['raw', 'tokenized'])
          .default('raw')
          .describe(
            "Ready vectors are taken as they are, or passed through the target's tokenizer first, so that they " +
              'have lost what predicted ones lack',
          ),
      }),
      z.strictObject({
        kind: z.literal('features').describe("The mean of the encoder's features over all tokens"),
        model: modelNameSchema,
      }),
    ],
    'must be vector, target or features',
  )
  .meta({ id: 'CollectionEmbedding', description: "What the items' vectors are" });
export type CollectionEmbedding = z.output<typeof embeddingSchema>;

export const createCollectionRequestSchema = z
  .strictObject({
    name: collectionNameSchema,
    embedding: embeddingSchema,
    metadata: metadataSchemaSchema.default({}),
  })
  .meta({
    id: 'CreateCollectionRequest',
    description: 'A collection to make; what it says of vectors and metadata is fixed from then on',
  });
export type CreateCollectionRequestBody = z.input<typeof createCollectionRequestSchema>;
export type CreateCollectionRequest = z.output<typeof createCollectionRequestSchema>;

const count = z.number().int().min(0);

export const settledEmbeddingSchema = z
  .object({
    kind: z.enum(['vector', 'target', 'features']).describe('Where vectors come from'),
    dimensions: count.optional().describe('Numbers of each ready vector'),
    model: z.string().optional().describe('The model that makes vectors of inputs'),
    digest: z.string().optional().describe("Hash of that model's weights and settings"),
    target: z.string().optional().describe('The global embedding that it predicts'),
    steps: count.optional().describe('Decoding steps of the target'),
    samples: count.optional().describe('Predictions of each item, whose mean direction is kept'),
    guidance_scale: z.number().optional().describe('Guidance towards all inputs together'),
    ready_vectors: z
      .string()
      .optional()
      .describe('Whether ready vectors pass through the tokenizer'),
  })
  .meta({
    id: 'SettledEmbedding',
    description: "What the items' vectors are, with all that was filled in",
  });
export type SettledEmbedding = z.output<typeof settledEmbeddingSchema>;

const settledFieldSchema = z
  .object({
    type: z.enum(METADATA_TYPES).describe('What kind of value the field takes'),
    filter: z.boolean().describe('Whether filters can name it'),
  })
  .meta({ id: 'SettledField', description: 'A field that the metadata of items can have' });

export const collectionIndexSchema = z
  .object({
    state: z
      .enum(['none', 'building', 'ready'])
      .describe('Without an index every item is compared; results are then exact'),
    items: count.optional().describe('Items that the index held when it was built'),
    partitions: count.optional().describe('Parts that the index divides the vectors into'),
    nprobes: count.optional().describe('Parts of the index that a search looks at'),
    refine_factor: count
      .optional()
      .describe('Candidates for each result that are compared exactly'),
    recall_at_10: z
      .number()
      .optional()
      .describe('Share of the 10 nearest that these settings found, on a sample of the collection'),
  })
  .meta({ id: 'CollectionIndex', description: 'How the collection is searched' });

export type CollectionIndex = z.output<typeof collectionIndexSchema>;

export const collectionSchema = z
  .object({
    name: collectionNameSchema,
    embedding: settledEmbeddingSchema,
    dimensions: count.describe('Numbers of each vector'),
    metadata: z.record(z.string(), settledFieldSchema).describe('Field -> what it takes'),
    created_at: z.string().describe('When it was made, in UTC'),
    count: count.describe('Items in it'),
    index: collectionIndexSchema,
  })
  .meta({ id: 'Collection', description: 'A collection of items with vectors' });
export type Collection = z.output<typeof collectionSchema>;

export const collectionsResponseSchema = z
  .object({
    collections: z.array(collectionSchema).describe('By name'),
    next: z
      .string()
      .nullable()
      .describe('Where to go on: `after` of the next request; null at the end'),
  })
  .meta({ id: 'CollectionsResponse', description: 'A page of collections' });
export type CollectionsResponse = z.infer<typeof collectionsResponseSchema>;

export const metadataSchema = z
  .record(fieldNameSchema, scalarSchema.nullable())
  .describe('Field -> its value, as the collection has it; null is as good as absent');
export type Metadata = z.infer<typeof metadataSchema>;

export const givenItemSchema = z
  .strictObject({
    // These are no steps of an address (RFC 3986, 5.2.4), so nobody could ask for the item.
    id: itemIdSchema.refine((id) => id !== '.' && id !== '..', 'must not be . or ..'),
    inputs: inputsSchema.optional().describe('What its vector is made of'),
    vector: vectorSchema.optional(),
    metadata: metadataSchema.default({}),
  })
  .refine(
    ({ inputs, vector }) => (inputs === undefined) !== (vector === undefined),
    'must have either inputs or vector',
  )
  .meta({
    id: 'GivenItem',
    description: 'An item to add, or to put in place of the one with its id',
  });
export type GivenItem = z.output<typeof givenItemSchema>;

export const addItemsRequestSchema = z
  .strictObject({
    items: z
      .array(givenItemSchema)
      .min(1)
      .max(MOST_ITEMS)
      .describe('Items with different ids; all of them are kept, or none'),
    dry_run: dryRunFieldSchema,
  })
  .meta({ id: 'AddItemsRequest', description: 'Items to add or replace' });
export type AddItemsRequestBody = z.input<typeof addItemsRequestSchema>;
export type AddItemsRequest = z.output<typeof addItemsRequestSchema>;

/** What a worker keeps. */
export const keptItemsSchema = z.object({
  items: count.describe('Items that are kept now; none in a dry run'),
});
export type KeptItems = z.infer<typeof keptItemsSchema>;

export const addItemsResponseSchema = keptItemsSchema
  .extend({ ...costFields, sources: sourcesSchema })
  .meta({ id: 'AddItemsResponse', description: 'What became of items to add' });
export type AddItemsResponse = z.infer<typeof addItemsResponseSchema>;

export const itemSchema = z
  .object({
    id: itemIdSchema,
    metadata: metadataSchema,
    vector: z.array(z.number()).optional().describe('Its vector, of length 1'),
  })
  .meta({ id: 'Item', description: 'An item of a collection' });
export type Item = z.infer<typeof itemSchema>;

export const itemsResponseSchema = z
  .object({
    items: z.array(itemSchema).describe('By id, without vectors'),
    next: z
      .string()
      .nullable()
      .describe('Where to go on: `after` of the next request; null at the end'),
  })
  .meta({ id: 'ItemsResponse', description: 'A page of items' });
export type ItemsResponse = z.infer<typeof itemsResponseSchema>;

export const deletedSchema = z
  .object({ deleted: z.literal(true).describe('It is gone') })
  .meta({ id: 'Deleted', description: 'Something was deleted' });
export type Deleted = z.infer<typeof deletedSchema>;

/** Entries of a page. */
export const pageSizeSchema = z
  .number()
  .int()
  .min(1)
  .max(1000)
  .default(100)
  .describe('Entries of a page; 100 when absent');
