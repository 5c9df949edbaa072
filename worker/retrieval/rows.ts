/** Items <-> rows of a table. */
import type { Item, Metadata } from '../../shared/api/collections.ts';
import { METADATA_TEXT } from '../../shared/api/filters.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { type Column, columnsOf, type Description, tableSchema } from './description.ts';
import { type ArrowTable, loadLance } from './lance.ts';

/** An item as it is kept. */
export interface Row {
  readonly id: string;
  /** (D), of length 1. */
  readonly vector: Float32Array;
  readonly metadata: Metadata;
}

type Path = readonly PropertyKey[];

const TYPES = {
  string: { fits: (value: unknown) => typeof value === 'string', what: 'text' },
  number: { fits: (value: unknown) => typeof value === 'number', what: 'a number' },
  integer: { fits: Number.isSafeInteger, what: 'a whole number' },
  boolean: { fits: (value: unknown) => typeof value === 'boolean', what: 'true or false' },
} as const;

/** @throws FailureError `invalid_metadata` naming the first field that the collection does not have so */
export function assertMetadata(
  metadata: Metadata,
  { metadata: fields, name }: Description,
  path: Path,
): void {
  for (const [field, value] of Object.entries(metadata)) {
    const own = Object.hasOwn(fields, field) ? fields[field] : undefined;
    const at = pointerTo(...path, field);
    if (!own) {
      const known = Object.keys(fields).map((one) => shorten(one));
      const others = known.length === 0 ? 'it has no metadata' : `it has ${known.join(', ')}`;
      const detail = `the collection ${name} has no field ${shorten(field)}; ${others}`;
      throw refusal('invalid_metadata', detail, at);
    }
    const { fits, what } = TYPES[own.type];
    if (value !== null && !fits(value))
      throw refusal('invalid_metadata', `${shorten(field)} must be ${what}`, at);
    if (typeof value === 'string' && value.length > METADATA_TEXT) {
      const detail = `${shorten(field)} must have at most ${METADATA_TEXT} characters`;
      throw refusal('invalid_metadata', detail, at);
    }
  }
}

function cell({ type, field }: Column, metadata: Metadata): unknown {
  const value = Object.hasOwn(metadata, field) ? metadata[field] : undefined;
  if (value === undefined || value === null) return null;
  if (type === 'integer') return BigInt(value);
  return type === 'boolean' ? Number(value) : value;
}

/** A value of a column as metadata has it. */
function metadataValue({ type }: Column, value: unknown): unknown {
  if (type === 'boolean') return value === 1;
  return type === 'integer' ? Number(value) : value;
}

/** Rows as a table of Arrow, whose vectors lie in one buffer (rows, D). */
export function toArrow(rows: readonly Row[], description: Description): ArrowTable {
  const { arrow } = loadLance();
  const schema = tableSchema(description);
  const { dimensions } = description;
  const numbers = new Float32Array(rows.length * dimensions);
  for (const [i, { vector }] of rows.entries()) numbers.set(vector, i * dimensions);
  const column = (index: number, values: readonly unknown[]) => {
    const type = schema.fields[index]?.type ?? new arrow.Utf8();
    const [data] = arrow.vectorFromArray(values, type).data;
    if (!data) throw new Error('Arrow made a column without data');
    return data;
  };
  const length = rows.length;
  const item = arrow.makeData({
    type: new arrow.Float32(),
    data: numbers,
    length: numbers.length,
    nullCount: 0,
  });
  const listType = new arrow.FixedSizeList(
    dimensions,
    new arrow.Field('item', new arrow.Float32(), true),
  );
  const children = [
    column(
      0,
      rows.map(({ id }) => id),
    ),
    arrow.makeData({ type: listType, length, nullCount: 0, child: item }),
    ...columnsOf(description).map((own, index) =>
      column(
        index + 2,
        rows.map(({ metadata }) => cell(own, metadata)),
      ),
    ),
  ];
  const type = new arrow.Struct(schema.fields);
  const data = arrow.makeData({ type, length, nullCount: 0, children });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, data)]);
}

/** A row as LanceDB answers it: values of columns by name. */
export type Answer = Readonly<Record<string, unknown>>;

/** Numbers of a vector as LanceDB answers it. @throws Error when there are none */
export function vectorOf(answer: Answer): Float32Array {
  const { vector } = answer;
  const numbers =
    typeof vector === 'object' && vector !== null && 'toArray' in vector
      ? (vector as { toArray(): unknown }).toArray()
      : vector;
  if (numbers instanceof Float32Array) return numbers;
  throw new Error('LanceDB answered a row without its vector');
}

export function itemOf(answer: Answer, columns: readonly Column[], withVector: boolean): Item {
  const metadata = columns.flatMap((own) => {
    const value = answer[own.column];
    if (value === null || value === undefined) return [];
    return [[own.field, metadataValue(own, value)] as const];
  });
  return {
    id: String(answer.id),
    metadata: Object.fromEntries(metadata) as Metadata,
    ...(withVector && { vector: Array.from(vectorOf(answer)) }),
  };
}
