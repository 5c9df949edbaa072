/** The OpenAPI 3.1 document, made from the route table and the zod schemas. */
import * as z from 'zod';
import { PROBLEMS, problemSchema } from '../shared/api/problem.ts';
import { ROUTES, type Route } from '../shared/api/routes.ts';

/** JSON Schema is open-ended; this says only that it is an object of JSON. */
export type Json = { readonly [key: string]: unknown };

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly description: string;
  readonly required?: true;
  readonly schema: Json;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { required: true; content: Json };
  readonly responses: Readonly<Record<string, { description: string; content?: Json }>>;
}

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: { title: string; version: string; description: string; license: Json };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

const FORM: Json = {
  schema: {
    type: 'object',
    properties: {
      targets: { type: 'array', items: { type: 'string' } },
      model: { type: 'string' },
      seed: { type: 'string' },
      chained: { type: 'string', enum: ['true', 'false'] },
      num_samples: { type: 'string' },
      preset: { type: 'string' },
      dry_run: { type: 'string', enum: ['true', 'false'] },
      deadline_ms: { type: 'string' },
      keep: { type: 'string', enum: ['true', 'false'] },
      outputs: { type: 'string', enum: ['values', 'tokens'] },
      previews: { type: 'string', enum: ['true', 'false'] },
      request: { type: 'string', contentMediaType: 'application/json' },
    },
    additionalProperties: { description: 'An input modality: a file, or text' },
  },
};

function responses(route: Route): Operation['responses'] {
  const content = Object.fromEntries(
    Object.entries(route.response).map(([type, schema]) => [
      type,
      schema ? { schema: schemaOf(schema, 'output') } : {},
    ]),
  );
  const codes = [...route.problems, 'internal' as const];
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].sort();
  const problems = statuses.map((status) => [
    String(status),
    {
      description: codes
        .filter((code) => PROBLEMS[code].status === status)
        .map((code) => `\`${code}\`: ${PROBLEMS[code].title}`)
        .join('; '),
      content: {
        'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
      },
    },
  ]);
  return { 200: { description: route.summary, content }, ...Object.fromEntries(problems) };
}

function operation(route: Route): Operation {
  const { request } = route;
  const schema = { type: 'string' };
  const parameters: Parameter[] = [
    ...(route.parameters ?? []).map(
      (own) => ({ ...own, in: 'path', required: true, schema }) as const,
    ),
    ...(route.query ?? []).map((own) => ({ ...own, in: 'query', schema }) as const),
  ];
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(parameters.length > 0 && { parameters }),
    ...(request && {
      requestBody: {
        required: true as const,
        content: {
          'application/json': { schema: schemaOf(request.json, 'input') },
          ...(request.multipart && { 'multipart/form-data': FORM }),
        },
      },
    }),
    responses: responses(route),
  };
}

let made: OpenApiDocument | undefined;

/** Made at the first call; it depends on nothing but the code. */
export function openApiDocument(): OpenApiDocument {
  made ??= {
    openapi: '3.1.0',
    info: {
      title: '4M Edge',
      version: '1',
      description: 'Any-to-any generation with 4M models. Errors are RFC 9457 problem documents.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: Object.fromEntries(
      Object.values(ROUTES).map((route: Route) => [
        route.path,
        { [route.method.toLowerCase()]: operation(route) },
      ]),
    ),
    components: { schemas: { Problem: schemaOf(problemSchema, 'output') } },
  };
  return made;
}
