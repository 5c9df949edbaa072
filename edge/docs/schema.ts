/** JSON Schemas as tables: a row for each field, those of objects within it named by their path. */
import { html } from 'hono/html';
import type { Json } from '../openapiTypes.ts';
import { type Html, prose, schemaId } from './text.ts';

const REFERENCE = '#/components/schemas/';

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The name of the schema that one refers to. */
export const referenceOf = ({ $ref }: Json): string | undefined =>
  typeof $ref === 'string' && $ref.startsWith(REFERENCE) ? $ref.slice(REFERENCE.length) : undefined;

const alternativesOf = ({ anyOf, oneOf }: Json): Json[] =>
  [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list.filter(isJson) : []));

const between = (parts: readonly (Html | string)[], word: string): (Html | string)[] =>
  parts.flatMap((part, i) => (i === 0 ? [part] : [word, part]));

/** `1 to 64`, `at least 1`, `at most 64`; empty without bounds. */
function range(low: unknown, high: unknown): string {
  if (typeof low === 'number' && typeof high === 'number') return `${low} to ${high}`;
  if (typeof low === 'number' && low > Number.MIN_SAFE_INTEGER) return `at least ${low}`;
  return typeof high === 'number' && high < Number.MAX_SAFE_INTEGER ? `at most ${high}` : '';
}

function boundsOf(schema: Json): string {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const characters = range(minLength, maxLength);
  const items = range(minItems, maxItems);
  const numbers = range(minimum, maximum);
  const all = [numbers, characters && `${characters} characters`, items && `${items} items`];
  const said = all.filter(Boolean).join(', ');
  return said && `, ${said}`;
}

/** What a schema allows, in words and links. */
export function typeOf(schema: Json): (Html | string)[] {
  const name = referenceOf(schema);
  if (name !== undefined) return [html`<a href="#${schemaId(name)}">${name}</a>`];
  if ('const' in schema) return [html`<code>${JSON.stringify(schema.const)}</code>`];
  if (Array.isArray(schema.enum))
    return between(
      schema.enum.map((value) => html`<code>${JSON.stringify(value)}</code>`),
      ' or ',
    );
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0)
    return between(
      alternatives.map((one) => html`${typeOf(one)}`),
      ' or ',
    );
  if (Array.isArray(schema.allOf))
    return between(
      schema.allOf.filter(isJson).map((one) => html`${typeOf(one)}`),
      ' and ',
    );
  if (schema.type === 'array') {
    const items = isJson(schema.items) ? typeOf(schema.items) : ['anything'];
    return ['list of ', ...items, boundsOf(schema)];
  }
  if (schema.type === 'object' && isJson(schema.additionalProperties))
    return ['names with ', ...typeOf(schema.additionalProperties)];
  if (schema.type === 'string')
    return [`${schema.format === 'binary' ? 'bytes' : 'text'}${boundsOf(schema)}`];
  return [`${typeof schema.type === 'string' ? schema.type : 'anything'}${boundsOf(schema)}`];
}

interface Row {
  readonly name: string;
  readonly schema: Json;
  readonly isRequired: boolean;
}

/** Fields of a schema, and of the schemas within it that have no name. */
function rowsOf(schema: Json, prefix = ''): Row[] {
  const rows: Row[] = [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, field] of Object.entries(isJson(schema.properties) ? schema.properties : {})) {
    if (!isJson(field)) continue;
    const path = prefix + name;
    rows.push({ name: path, schema: field, isRequired: required.includes(name) });
    rows.push(...within(field, path));
  }
  for (const alternative of alternativesOf(schema)) rows.push(...rowsOf(alternative, prefix));
  return rows;
}

function within(field: Json, path: string): Row[] {
  const { items, additionalProperties } = field;
  return [
    ...rowsOf(field, `${path}.`),
    ...(isJson(items) ? within(items, `${path}[]`) : []),
    ...(isJson(additionalProperties) ? within(additionalProperties, `${path}.*`) : []),
  ];
}

const row = ({ name, schema, isRequired }: Row): Html => html`<tr>
<th scope="row"><code>${name}</code>${isRequired ? html` <small>required</small>` : ''}</th>
<td><span class="type">${typeOf(schema)}</span>${typeof schema.description === 'string' ? html`<p>${prose(schema.description)}</p>` : ''}</td>
</tr>`;

/** The fields of a schema as a table; in words where it has none. @param title of the table */
export function schemaTable(schema: Json, title: string): Html {
  const rows = rowsOf(schema);
  if (rows.length === 0) return html`<p class="type">${typeOf(schema)}</p>`;
  return html`<table>
<caption>${title}</caption>
<thead><tr><th scope="col">Field</th><th scope="col">Value</th></tr></thead>
<tbody>${rows.map(row)}</tbody>
</table>`;
}
