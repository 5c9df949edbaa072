/** A filter as data -> the condition that LanceDB takes. No text of a caller enters it but as a quoted value. */
import { COMPARISONS, type Condition, type Filter, type Scalar } from '../../shared/api/filters.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { type FailureError, refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Column } from './description.ts';

type Path = readonly PropertyKey[];

const invalid = (detail: string, path: Path): FailureError =>
  refusal('invalid_filter', detail, pointerTo(...path));

/** DataFusion knows no escapes within quotes but the doubled quote. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const SYMBOLS = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;
type Comparison = keyof typeof SYMBOLS;

/** A value as the column's type has it. @throws FailureError `invalid_filter` */
function literal({ field, type }: Column, value: Scalar, path: Path): string {
  const misfit = (what: string): FailureError =>
    invalid(`${shorten(field)} is compared with ${what}`, path);
  switch (type) {
    case 'string':
      if (typeof value !== 'string') throw misfit('text alone');
      return quoted(value);
    case 'boolean':
      if (typeof value !== 'boolean') throw misfit('true or false alone');
      return `CAST('${Number(value)}' AS TINYINT)`;
    case 'integer':
      if (typeof value !== 'number' || !Number.isSafeInteger(value))
        throw misfit('whole numbers alone');
      return `CAST(${quoted(String(value))} AS BIGINT)`;
    case 'number':
      if (typeof value !== 'number') throw misfit('numbers alone');
      return `CAST(${quoted(String(value))} AS DOUBLE)`;
  }
}

/** @throws FailureError `invalid_filter` */
function columnOf(columns: readonly Column[], field: string, path: Path): Column {
  const column = columns.find((one) => one.field === field);
  const at = [...path, 'field'];
  if (!column) {
    const known = columns.filter((one) => one.filter).map((one) => shorten(one.field));
    const others = known.length === 0 ? 'it has none to filter by' : `it has ${known.join(', ')}`;
    throw invalid(`the collection has no field ${shorten(field)}; ${others}`, at);
  }
  if (!column.filter)
    throw invalid(`${shorten(field)} was made as a field that filters cannot name`, at);
  return column;
}

/** All comparisons of one field; a value that is not there meets `ne` and `exists: false` alone. */
function condition(given: Condition, columns: readonly Column[], path: Path): string {
  const column = columnOf(columns, given.field, path);
  const name = `\`${column.column}\``;
  const isOrdered = column.type !== 'boolean';
  const parts = COMPARISONS.flatMap((comparison): string[] => {
    const value = given[comparison];
    if (value === undefined) return [];
    const at = [...path, comparison];
    if (comparison === 'exists') return [`${name} IS ${value === true ? 'NOT ' : ''}NULL`];
    if (comparison === 'in') {
      const values = (value as readonly Scalar[]).map((one, i) => literal(column, one, [...at, i]));
      return [`(${name} IS NOT NULL AND ${name} IN (${values.join(', ')}))`];
    }
    const text = literal(column, value as Scalar, at);
    if (comparison === 'ne') return [`(${name} IS NULL OR ${name} <> ${text})`];
    if (comparison !== 'eq' && !isOrdered)
      throw invalid(`${shorten(column.field)} is true or false, which has no order`, at);
    return [`(${name} IS NOT NULL AND ${name} ${SYMBOLS[comparison as Comparison]} ${text})`];
  });
  return `(${parts.join(' AND ')})`;
}

/**
 * The condition of a filter. It is never unknown, as SQL has it: an item without a value meets a comparison or
 * does not, so that `not` is exactly the rest.
 * @throws FailureError `invalid_filter` with the pointer of what does not fit the collection
 */
export function conditionOf(
  filter: Filter,
  columns: readonly Column[],
  path: Path = ['filter'],
): string {
  const all = (filters: readonly Filter[], name: 'and' | 'or'): string =>
    `(${filters
      .map((one, index) => conditionOf(one, columns, [...path, name, index]))
      .join(` ${name.toUpperCase()} `)})`;
  if ('and' in filter) return all(filter.and, 'and');
  if ('or' in filter) return all(filter.or, 'or');
  if ('not' in filter) return `(NOT ${conditionOf(filter.not, columns, [...path, 'not'])})`;
  return condition(filter, columns, path);
}
