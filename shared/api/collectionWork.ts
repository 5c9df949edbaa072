/** What an edge asks of a worker about collections: one kind of work with many operations. */
import * as z from 'zod';
import {
  collectionNameSchema,
  givenItemSchema,
  itemIdSchema,
  MOST_DIMENSIONS,
  MOST_ITEMS,
  metadataSchemaSchema,
  settledEmbeddingSchema,
} from './collections.ts';
import { searchRequestSchema } from './search.ts';
import { charged } from './worker.ts';

const page = { after: z.string().max(1024).optional(), limit: z.number().int().min(1).max(1000) };
const name = collectionNameSchema;

export const collectionOperationSchema = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('create'),
    name,
    embedding: settledEmbeddingSchema,
    dimensions: z.number().int().min(1).max(MOST_DIMENSIONS),
    metadata: metadataSchemaSchema,
  }),
  z.object({ do: z.literal('list'), ...page }),
  z.object({ do: z.literal('get'), name }),
  z.object({ do: z.literal('drop'), name }),
  z.object({
    do: z.literal('add'),
    name,
    items: z.array(givenItemSchema).min(1).max(MOST_ITEMS),
  }),
  z.object({ do: z.literal('items'), name, ...page }),
  z.object({ do: z.literal('item'), name, id: itemIdSchema }),
  z.object({ do: z.literal('remove'), name, id: itemIdSchema }),
  z.object({
    do: z.literal('import'),
    name,
    format: z.enum(['jsonl', 'npy', 'parquet']),
    /** A piece of the file in base64. */
    data: z.string(),
    /** An id for each row of an array. */
    ids: z.array(z.string().max(1024)).max(100_000).optional(),
    /** The piece's first line in the file. */
    line: z.number().int().min(0),
  }),
  z.object({ do: z.literal('search'), name, request: searchRequestSchema }),
]);
/** A collection to make, with everything settled. */
export type NewCollection = Omit<Extract<CollectionOperation, { do: 'create' }>, 'do'>;

export type CollectionOperation = z.output<typeof collectionOperationSchema>;

export const workerCollectionRequestSchema = z.object({
  request_id: z.string(),
  /** Whose collections they are. */
  tenant: z.string().min(1).max(128),
  /** What makes vectors of inputs; absent where none have to be made. */
  model: z.string().optional(),
  charged,
  operation: collectionOperationSchema,
});
export type WorkerCollectionRequest = z.input<typeof workerCollectionRequestSchema>;
