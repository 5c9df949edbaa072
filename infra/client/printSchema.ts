/** JSON Schemas, as zod writes them, as types of TypeScript, with their descriptions as comments. */

/** What is read of a schema. The rest of it bounds values, of which types know nothing. */
export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema | false;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly propertyNames?: Schema;
}

/** The type's name for a reference such as `#/$defs/Output`. */
export type NameOf = (reference: string) => string;

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const literal = (value: unknown): string => JSON.stringify(value);

/** A description above what it describes; empty where there is none. */
export function comment(description: string | undefined, indent: string): string {
  return description === undefined
    ? ''
    : `${indent}/** ${description.replaceAll('*/', '*\\/')} */\n`;
}

/** Any JSON that has to be there. */
const PRESENT = '{} | null';

function objectType(schema: Schema, nameOf: NameOf, indent: string): string {
  const { properties = {}, required = [], additionalProperties: rest } = schema;
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, field]) => {
    const key = IDENTIFIER.test(name) ? name : literal(name);
    const type = typeOf(field, nameOf, inner);
    // Fields that may be absent may also be given as undefined, since JSON leaves them out then.
    const stated = required.includes(name)
      ? `${key}: ${type === 'unknown' ? PRESENT : type}`
      : `${key}?: ${type} | undefined`;
    return `${comment(field.description, inner)}${inner}${stated};\n`;
  });
  if (fields.length > 0) return `{\n${fields.join('')}${indent}}`;
  const value = typeof rest === 'object' ? typeOf(rest, nameOf, indent) : 'unknown';
  return `{ [key: string]: ${value} }`;
}

function arrayType({ items, prefixItems }: Schema, nameOf: NameOf, indent: string): string {
  if (prefixItems) return `[${prefixItems.map((item) => typeOf(item, nameOf, indent)).join(', ')}]`;
  return `Array<${items ? typeOf(items, nameOf, indent) : 'unknown'}>`;
}

const PLAIN: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
};

/** @throws Error for a kind of schema that no schema of the API is of so far */
export function typeOf(schema: Schema, nameOf: NameOf, indent = ''): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if ('const' in schema) return literal(schema.const);
  if (schema.enum) return schema.enum.map(literal).join(' | ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map((one) => typeOf(one, nameOf, indent)).join(' | ');
  if (schema.allOf)
    return schema.allOf.map((one) => `(${typeOf(one, nameOf, indent)})`).join(' & ');
  if (Array.isArray(schema.type))
    return schema.type.map((type) => typeOf({ ...schema, type }, nameOf, indent)).join(' | ');
  if (schema.type === 'object') return objectType(schema, nameOf, indent);
  if (schema.type === 'array') return arrayType(schema, nameOf, indent);
  if (schema.type === undefined) return 'unknown';
  const plain = typeof schema.type === 'string' ? PLAIN[schema.type] : undefined;
  if (plain === undefined) throw new Error(`no type for the schema ${literal(schema)}`);
  return plain;
}
