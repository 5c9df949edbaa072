/** A request as multipart form data: which fields there are, derived from the schema of its JSON. */
import type * as z from 'zod';

/** How the text of a form field becomes a JSON value. */
export type FieldKind = 'text' | 'number' | 'flag';

export interface Form {
  /** Fields that hold one setting each. Every field that is not named in this form is an input, unless it has files. */
  readonly settings: Readonly<Record<string, FieldKind>>;
  /** Fields that may come several times, each with one or more items. */
  readonly lists: readonly string[];
  /**
   * Fields that hold a file each, and what that is. Such a form says all of its request: every field is one of the
   * request's own, and none stands for JSON.
   */
  readonly files?: Readonly<Record<string, string>>;
}

/** The field whose JSON holds whatever the other fields do not say. */
export const REQUEST_FIELD = 'request';
/** The part of a request that the remaining fields fill. */
export const INPUTS = 'inputs';
/** Where a request gives several items, each with inputs of its own: no field of a form stands for it. */
export const ITEMS = 'items';

interface Definition {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly options?: readonly z.core.$ZodType[];
}

/** The kind of a setting; undefined for what no single text stands for. */
function kindOf(schema: z.core.$ZodType): FieldKind | 'list' | undefined {
  const { type, innerType, options } = schema._zod.def as Definition;
  if (innerType) return kindOf(innerType);
  switch (type) {
    case 'boolean':
      return 'flag';
    case 'number':
      return 'number';
    case 'string':
    case 'enum':
    case 'literal':
      return 'text';
    case 'array':
      return 'list';
    case 'union': {
      // A number or a word: digits are the number.
      const kinds = (options ?? []).map(kindOf);
      return kinds.includes('number') ? 'number' : kinds[0];
    }
    default:
      return undefined;
  }
}

/** The form of a request: its settings and lists by the names that they have in JSON. */
export function formOf(request: z.ZodObject): Form {
  const kinds = Object.entries(request.shape).map(
    ([name, schema]) => [name, kindOf(schema)] as const,
  );
  return {
    settings: Object.fromEntries(
      kinds.flatMap(([name, kind]) => (kind && kind !== 'list' ? [[name, kind]] : [])),
    ),
    lists: kinds.flatMap(([name, kind]) => (kind === 'list' && name !== ITEMS ? [name] : [])),
  };
}

/** What documents say of a form. */
export function describeForm({ settings, lists }: Form): string {
  const names = Object.keys(settings).map((name) => `\`${name}\``);
  return (
    'JSON, or multipart form data: every field is an input modality (a file, or text), except ' +
    lists
      .map((name) => `\`${name}\` (repeated, or comma-separated names, or JSON objects), `)
      .join('') +
    `${names.join(', ')}, and \`${REQUEST_FIELD}\` (JSON with the rest). No other field may come twice.`
  );
}
