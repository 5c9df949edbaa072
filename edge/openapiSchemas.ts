/** zod schemas -> JSON Schemas of the OpenAPI document. */
import * as z from 'zod';
import { type Form, INPUTS, REQUEST_FIELD } from '../shared/api/form.ts';
import type { Json } from './openapiTypes.ts';

/** Schemas with a name, each of which stands once in the document. */
export type Components = Map<string, Json>;

/** What answers hold may grow, so a reader must not refuse fields that it does not know. */
function openEnded({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
}

/**
 * A field with a default may be absent. It is said in words, since generators of clients take a field
 * that states its default for one that is always there.
 */
function tellDefault({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (!('default' in jsonSchema)) return;
  const { default: value, description } = jsonSchema;
  delete jsonSchema.default;
  if (!Array.isArray(value)) jsonSchema.description = `${description}; ${value} when absent`;
}

/** A schema with its named parts put among the components. @throws Error when a name has two meanings */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components): Json {
  const converted = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: io === 'output' ? openEnded : tellDefault,
  });
  const text = JSON.stringify(converted).replaceAll('"#/$defs/', '"#/components/schemas/');
  const { $schema: _, $defs = {}, ...rest } = JSON.parse(text);
  for (const [name, definition] of Object.entries<Json>($defs)) {
    const present = components.get(name);
    if (present && JSON.stringify(present) !== JSON.stringify(definition))
      throw new Error(`the schema ${name} means two things`);
    components.set(name, definition);
  }
  return rest;
}

/** The same settings as in JSON; whatever else there is are inputs. */
export function formSchema(form: Form, request: z.ZodObject, components: Components): Json {
  const reference = schemaOf(request, 'input', components);
  const json = components.get(String(reference.$ref).split('/').at(-1) ?? '') ?? reference;
  const properties = json.properties as Json;
  if (form.files) {
    const files = Object.entries(form.files).map(([name, description]) => [
      name,
      { type: 'string', format: 'binary', description },
    ]);
    return { ...json, properties: { ...properties, ...Object.fromEntries(files) } };
  }
  const named = [...form.lists, ...Object.keys(form.settings)];
  return {
    type: 'object',
    properties: {
      ...Object.fromEntries(named.map((name) => [name, properties[name]])),
      [REQUEST_FIELD]: {
        type: 'string',
        contentMediaType: 'application/json',
        description: `JSON of what the other fields do not say, such as ${INPUTS} that are tokens`,
      },
    },
    additionalProperties: {
      type: 'string',
      format: 'binary',
      description: 'An input modality: a file, or text',
    },
  };
}
