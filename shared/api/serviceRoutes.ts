/** Routes of the route table about the service itself: health, documents, pages. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import { healthSchema, readySchema } from './health.ts';
import type { Route } from './route.ts';

const PAGE = { description: 'A page for browsers', text: true } as const;

const documentSchema = z
  .record(z.string(), z.unknown())
  .meta({ id: 'OpenApiDocument', description: 'An OpenAPI 3.1 document' });

export const SERVICE_ROUTES = {
  healthz: {
    id: 'healthz',
    ...ADDRESSES.healthz,
    tag: 'service',
    summary: 'The process is alive',
    response: { 'application/json': healthSchema },
    problems: [],
  },
  readyz: {
    id: 'readyz',
    ...ADDRESSES.readyz,
    tag: 'service',
    summary: 'The first request would succeed: store, a worker and its models answer',
    response: { 'application/json': readySchema },
    problems: ['not_ready'],
  },
  openapi: {
    id: 'openapi',
    ...ADDRESSES.openapi,
    tag: 'service',
    summary: 'This API as an OpenAPI 3.1 document',
    response: { 'application/json': documentSchema },
    problems: [],
  },
  docs: {
    id: 'docs',
    ...ADDRESSES.docs,
    tag: 'service',
    summary: 'This API as a page to read',
    response: { 'text/html': PAGE },
    problems: [],
  },
  playground: {
    id: 'playground',
    ...ADDRESSES.playground,
    tag: 'service',
    summary: 'The playground: try the model in a browser',
    response: { 'text/html': PAGE },
    problems: [],
  },
} as const satisfies Record<string, Route>;
