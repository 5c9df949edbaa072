/** What a collection was made as, which its table carries, and the table's columns. */
import * as z from 'zod';
import {
  type MetadataField,
  metadataFieldSchema,
  settledEmbeddingSchema,
} from '../../shared/api/collections.ts';
import { loadLance, type Schema, type Table } from './lance.ts';

export const descriptionSchema = z.object({
  format: z.literal(1),
  /** Tells a collection from a later one of the same name. */
  uid: z.string(),
  name: z.string(),
  created_at: z.string(),
  embedding: settledEmbeddingSchema,
  dimensions: z.number().int().min(1),
  metadata: z.record(z.string(), metadataFieldSchema),
});
export type Description = z.output<typeof descriptionSchema>;

/** How the index is used, which was measured when it was built. */
export const tuningSchema = z.object({
  partitions: z.number().int(),
  nprobes: z.number().int(),
  refine: z.number().int(),
  recall: z.number(),
  /** Items that there were when this was measured. */
  items: z.number().int(),
  /** Items that the index was trained on; others were put into it later. */
  trained: z.number().int(),
});
export type Tuning = z.output<typeof tuningSchema>;

/**
 * Makes commits that add the same id at the same time conflict, so that one of them is done again. It is said when
 * the table is made, so that no table is ever without it.
 */
const KEY = new Map([['lance-schema:unenforced-primary-key', 'true']]);
const DESCRIPTION = 'fourm.collection';
const TUNING = 'fourm.tuning';

/** A field of the metadata, and the column that holds it: its name says nothing, so that no caller's does. */
export interface Column extends MetadataField {
  readonly field: string;
  readonly column: string;
}

export const columnsOf = ({ metadata }: Description): readonly Column[] =>
  Object.entries(metadata).map(([field, own], index) => ({ ...own, field, column: `m${index}` }));

/** Columns: `id`, `vector` (D numbers of length 1), and one for each field of the metadata. */
export function tableSchema(description: Description): Schema {
  const { arrow } = loadLance();
  const types = {
    string: () => new arrow.Utf8(),
    number: () => new arrow.Float64(),
    integer: () => new arrow.Int64(),
    // Arrow for JavaScript writes a column of bits that are all absent in a form that LanceDB cannot read.
    boolean: () => new arrow.Int8(),
  } as const;
  const number = new arrow.Field('item', new arrow.Float32(), true);
  const fields = [
    new arrow.Field('id', new arrow.Utf8(), false, KEY),
    new arrow.Field('vector', new arrow.FixedSizeList(description.dimensions, number), false),
    ...columnsOf(description).map(
      ({ column, type }) => new arrow.Field(column, types[type](), true),
    ),
  ];
  return new arrow.Schema(fields, new Map([[DESCRIPTION, JSON.stringify(description)]]));
}

export interface Read {
  readonly description: Description;
  readonly tuning: Tuning | undefined;
}

/** What a table says of itself. @throws Error for a table that is no collection, or of a later version */
export async function readDescription(table: Table): Promise<Read> {
  const schema = await table.schema();
  const text = schema.metadata.get(DESCRIPTION);
  if (text === undefined) throw new Error(`the table ${table.name} is not a collection`);
  const tuned = schema.fields[0]?.metadata.get(TUNING);
  return {
    description: descriptionSchema.parse(JSON.parse(text)),
    tuning: tuned === undefined ? undefined : tuningSchema.parse(JSON.parse(tuned)),
  };
}

/** Puts down how the index is to be used from now on. */
export async function writeTuning(table: Table, tuning: Tuning): Promise<void> {
  const metadata = { [TUNING]: JSON.stringify(tuning) };
  await table.updateFieldMetadata([{ path: 'id', metadata }]);
}
