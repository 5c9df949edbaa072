/** The OpenAPI 3.1 document, made from the route table and the zod schemas. */
import * as z from 'zod';
import { jobSchema } from '../shared/api/jobs.ts';
import { PROBLEMS } from '../shared/api/problem.ts';
import { problemSchema } from '../shared/api/problemSchema.ts';
import {
  isIdempotent,
  type Parameter,
  problemsOf,
  type Representation,
  type Route,
  scopeOf,
  TAGS,
} from '../shared/api/route.ts';
import { ROUTES } from '../shared/api/routes.ts';
import { WEBHOOK_PAYLOADS } from '../shared/api/webhookPayload.ts';
import { headerComponents, headersOf, isConditional } from './openapiHeaders.ts';
import { type Components, formSchema, schemaOf } from './openapiSchemas.ts';
import type { DocumentParameter, Json, OpenApiDocument, Operation } from './openapiTypes.ts';

/** What the document calls the scheme of API keys. */
const KEY = 'apiKey';

const WEBHOOK_HEADERS = {
  'webhook-id': 'Names the event, however often it comes',
  'webhook-timestamp': 'When this attempt was made, in unix seconds',
  'webhook-signature': 'Signatures with a space between them, such as `v1,` and base64',
} as const;

const isRepresentation = (answer: z.ZodType | Representation): answer is Representation =>
  !('_zod' in answer);

/** What a stream of server-sent events holds: each one's name, and the JSON in its data. */
const eventsSchema = (
  events: Readonly<Record<string, z.ZodType>>,
  components: Components,
): Json => {
  const all = Object.entries(events).map(([name, data]) => ({
    type: 'object',
    description: `The event ${name}`,
    required: ['event', 'data'],
    properties: {
      event: { const: name, description: 'Name of the event' },
      data: schemaOf(data, 'output', components),
    },
  }));
  return { type: 'array', items: all.length === 1 ? all[0] : { oneOf: all } };
};

function answerSchema(
  type: string,
  answer: z.ZodType | Representation,
  components: Components,
): Json {
  if (!isRepresentation(answer)) return schemaOf(answer, 'output', components);
  const { description, text, events } = answer;
  return {
    type: 'string',
    ...(!text && { format: 'binary' }),
    contentMediaType: type,
    description,
    ...(events && { contentSchema: eventsSchema(events, components) }),
  };
}

function responses(route: Route, components: Components): Operation['responses'] {
  const content = Object.fromEntries(
    Object.entries(route.response).map(([type, answer]) => [
      type,
      { schema: answerSchema(type, answer, components) },
    ]),
  );
  const problem = schemaOf(problemSchema, 'output', components);
  const codes = problemsOf(route);
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))].sort();
  const problems = statuses.map((status) => [
    String(status),
    {
      description: codes
        .filter((code) => PROBLEMS[code].status === status)
        .map((code) => `\`${code}\`: ${PROBLEMS[code].title}`)
        .join('; '),
      headers: headersOf(route, status),
      content: { 'application/problem+json': { schema: problem } },
    },
  ]);
  const job = route.canBeJob && {
    202: {
      description: 'The job that the work became; `Location` is its address',
      headers: headersOf(route, 202),
      content: { 'application/json': { schema: schemaOf(jobSchema, 'output', components) } },
    },
  };
  const unchanged = isConditional(route) && {
    304: {
      description: 'The caller has it already: `If-None-Match` names its `ETag`',
      headers: headersOf(route, 304),
    },
  };
  const rpc = route.isRpc && { 202: { description: 'A message that asks for no answer has come' } };
  return {
    200: { description: route.summary, headers: headersOf(route, 200), content },
    ...job,
    ...rpc,
    ...unchanged,
    ...Object.fromEntries(problems),
  };
}

function requestContent(request: NonNullable<Route['request']>, components: Components): Json {
  const filesOf = (files: Readonly<Record<string, string>>): Json => {
    const types = Object.entries(files).map(([type, description]) => {
      const schema = { type: 'string', format: 'binary', contentMediaType: type, description };
      return [type, { schema }];
    });
    return Object.fromEntries(types);
  };
  if ('bytes' in request) return filesOf(request.bytes);
  const { json, form, isForm, files = {} } = request;
  return {
    ...(!isForm && { 'application/json': { schema: schemaOf(json, 'input', components) } }),
    ...(form && { 'multipart/form-data': { schema: formSchema(form, json, components) } }),
    ...filesOf(files),
  };
}

const PREFER: Parameter = {
  name: 'Prefer',
  description:
    '`respond-async` asks for a job at once, `wait=N` for one when the work is not done within so many seconds, ' +
    '1 to 60 (RFC 7240); without either the work is answered directly',
  schema: z.string(),
};

const IDEMPOTENCY_KEY: Parameter = {
  name: 'Idempotency-Key',
  description:
    'Names the request, so that it is done once however often it is sent: within a day the same request is answered ' +
    'as the first one was, with `Idempotent-Replayed: true`',
  schema: z.string().min(1).max(257),
};

function operation(route: Route, components: Components): Operation {
  const scope = scopeOf(route);
  const { request } = route;
  const parameter = ({ name, description, schema }: Parameter) => ({
    name,
    description,
    schema: schemaOf(schema, 'input', components),
  });
  const parameters: DocumentParameter[] = [
    ...(route.parameters ?? []).map(
      (own) => ({ ...parameter(own), in: 'path', required: true }) as const,
    ),
    ...(route.query ?? []).map((own) => ({ ...parameter(own), in: 'query' }) as const),
    ...(route.canBeJob ? [{ ...parameter(PREFER), in: 'header' } as const] : []),
    ...(isIdempotent(route) ? [{ ...parameter(IDEMPOTENCY_KEY), in: 'header' } as const] : []),
  ];
  return {
    operationId: route.id,
    tags: [TAGS[route.tag].name],
    summary: route.summary,
    ...(route.description !== undefined && { description: route.description }),
    ...(parameters.length > 0 && { parameters }),
    ...(request && {
      requestBody: { required: true as const, content: requestContent(request, components) },
    }),
    // A server that asks for no keys takes requests without one.
    security: scope === undefined ? [] : [{ [KEY]: [scope] }, {}],
    responses: responses(route, components),
  };
}

/** What a webhook sends, and what it takes for an answer. */
const webhook = (name: string, schema: z.ZodType, components: Components): Operation => ({
  operationId: `${name}Webhook`,
  tags: [TAGS.webhooks.name],
  summary: `A ${name} has something to tell`,
  description:
    'Sent to the `webhook` of a request, signed as Standard Webhooks has it. The same event may come more than once, ' +
    'with the same `webhook-id`.',
  parameters: (['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const).map((header) => ({
    name: header,
    in: 'header',
    required: true,
    description: WEBHOOK_HEADERS[header],
    schema: { type: 'string' },
  })),
  requestBody: {
    required: true,
    content: { 'application/json': { schema: schemaOf(schema, 'output', components) } },
  },
  security: [],
  responses: {
    '204': { description: 'Any 2xx: it has come, and is not sent again' },
    '410': { description: 'The address is told nothing any more' },
  },
});

function makeDocument(): OpenApiDocument {
  const components: Components = new Map();
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of Object.values<Route>(ROUTES)) {
    const method = { [route.method.toLowerCase()]: operation(route, components) };
    paths[route.path] = { ...paths[route.path], ...method };
  }
  const webhooks = Object.fromEntries(
    Object.entries(WEBHOOK_PAYLOADS).map(([name, schema]) => [
      name,
      { post: webhook(name, schema, components) },
    ]),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: '4M Edge',
      version: '1',
      description: 'Any-to-any generation with 4M models. Errors are RFC 9457 problem documents.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    security: [],
    tags: Object.values(TAGS),
    paths,
    webhooks,
    components: {
      securitySchemes: {
        [KEY]: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key, where the server asks for one (FOURM_AUTH=keys). An operation names the scope that it has to have.',
        },
      },
      headers: headerComponents(),
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

let document: OpenApiDocument | undefined;

/** Made at the first call; it depends on nothing but the code. */
export function openApiDocument(): OpenApiDocument {
  document ??= makeDocument();
  return document;
}
