/** The body of an example as fields of a form. */
import { type ExampleRequest, fileNamed } from './example.ts';

export interface Field {
  readonly name: string;
  readonly value: string;
  /** Whether the value is the name of a file. */
  readonly isFile: boolean;
}

const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

/** A field; undefined where only JSON can say it. */
function fieldOf(name: string, value: unknown, lists: readonly string[]): Field | undefined {
  const file = fileNamed(value);
  if (file !== undefined) return { name, value: file, isFile: true };
  if (isPlain(value)) return { name, value: String(value), isFile: false };
  const isList = lists.includes(name) && Array.isArray(value) && value.every(isPlain);
  return isList ? { name, value: value.join(','), isFile: false } : undefined;
}

/** Its fields: inputs by their own names; undefined where it takes no form, or says what only JSON can. */
export function formFields({ body, formLists, onlyForm }: ExampleRequest): Field[] | undefined {
  if (body === undefined || formLists === undefined) return undefined;
  const { inputs, ...settings } = body;
  if (onlyForm ? inputs !== undefined : typeof inputs !== 'object') return undefined;
  const named = [...Object.entries(inputs ?? {}), ...Object.entries(settings)];
  const fields = named.flatMap(([name, value]) => fieldOf(name, value, formLists) ?? []);
  return fields.length === named.length ? fields : undefined;
}
