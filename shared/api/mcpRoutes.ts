/** The route of the route table for agents: the Model Context Protocol by Streamable HTTP. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import type { Route } from './route.ts';
import { BODY_PROBLEMS } from './routeProblems.ts';

const idSchema = z.union([z.string(), z.number()]).optional();

const messageSchema = z
  .looseObject({
    jsonrpc: z.literal('2.0').describe('The version of JSON-RPC'),
    method: z.string().optional().describe('Such as tools/list or tools/call'),
    id: idSchema.describe('Names the request; absent from what asks for no answer'),
    params: z.record(z.string(), z.unknown()).optional().describe('What the method takes'),
  })
  .meta({ id: 'McpMessage', description: 'A message of JSON-RPC 2.0' });

const answerSchema = z
  .looseObject({
    jsonrpc: z.literal('2.0').describe('The version of JSON-RPC'),
    id: idSchema.describe('That of the request'),
    result: z.record(z.string(), z.unknown()).optional().describe('What the method answers'),
    error: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Why the protocol cannot answer; what a tool refuses is a result with `isError`'),
  })
  .meta({ id: 'McpAnswer', description: 'An answer of JSON-RPC 2.0' });

export const MCP_ROUTES = {
  mcp: {
    id: 'mcp',
    ...ADDRESSES.mcp,
    tag: 'mcp',
    summary: 'Tools for agents: the Model Context Protocol',
    description:
      'Streamable HTTP without sessions, versions 2025-03-26 to 2025-11-25. Tools perceive, paint, embed, search and ' +
      'list; each is a request of the address that does the same, with its scope, limits, price and problems. ' +
      'Answers are JSON, or events where a call of a tool asks for progress.',
    request: { json: messageSchema },
    isRpc: true,
    response: {
      'application/json': answerSchema,
      'text/event-stream': {
        description: 'Server-sent events: notifications of progress, then the answer',
        text: true,
        events: { message: answerSchema },
      },
    },
    problems: [
      ...BODY_PROBLEMS,
      'not_acceptable',
      'forbidden_origin',
      'worker_unavailable',
      'insufficient_scope',
    ],
  },
} as const satisfies Record<string, Route>;
