/**
 * One request of the Model Context Protocol, served by its official SDK: a server and a transport for each, since nothing
 * is kept between requests. What the SDK brings is loaded at the first of them.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  InitializeRequestSchema,
  isJSONRPCRequest,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js';
import type { Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { type Failure, refusal } from '../../shared/api/problem.ts';
import type { CallRoute } from './call.ts';
import { PAINT, PERCEIVE } from './generateTools.ts';
import { LIST_COLLECTIONS, LIST_MODELS } from './listTools.ts';
import { type Arguments, refusedResult, type Tool } from './tool.ts';
import { EMBED, SEARCH } from './vectorTools.ts';

const TOOLS: readonly Tool[] = [PERCEIVE, PAINT, EMBED, SEARCH, LIST_MODELS, LIST_COLLECTIONS];

const INSTRUCTIONS =
  'Tools of a multimodal model: any of its modalities from any others. list_models says what the loaded models take, ' +
  'make and know; a model knows what it was trained on, and warnings of results say where an input is unfamiliar. ' +
  'Pictures are named by addresses, uploads or refs of earlier results: the bytes of a picture need not be copied.';

export interface Serving {
  readonly models: readonly Model[];
  /** Whether the caller's key opens the route of a tool. */
  readonly mayUse: (tool: Tool) => boolean;
  /** The routes, for calls of tools. @param signal aborts when the call is cancelled */
  readonly callsFor: (signal: AbortSignal) => CallRoute;
  /** What a thrown error means for the caller. */
  readonly failureOf: (error: unknown) => Failure;
}

function described(tool: Tool, models: readonly Model[]) {
  const properties = tool.properties(models);
  if (!properties) return [];
  const { name, title, description, required, output } = tool;
  return [
    {
      name,
      title,
      description,
      inputSchema: {
        type: 'object' as const,
        properties,
        required: [...required],
        additionalProperties: false,
      },
      outputSchema: { type: 'object' as const, properties: output },
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    },
  ];
}

/** @throws FailureError `invalid_request` for an argument that is missing, or that the tool does not have */
function assertArguments(
  { name, required, properties }: Tool,
  given: Arguments,
  models: readonly Model[],
) {
  const known = Object.keys(properties(models) ?? {});
  const unknown = Object.keys(given).find((argument) => !known.includes(argument));
  if (unknown !== undefined) {
    const detail = `${name} has no argument ${unknown.slice(0, 64)}; it has ${known.join(', ') || 'none'}`;
    throw refusal('invalid_request', detail);
  }
  const missing = required.find((argument) => given[argument] === undefined);
  if (missing !== undefined)
    throw refusal('invalid_request', `${name} needs the argument ${missing}`);
}

function createServer({ models, mayUse, callsFor, failureOf }: Serving): Server {
  const server = new Server(
    { name: '4m-edge', title: '4M Edge', version: '1' },
    {
      capabilities: { tools: {} },
      instructions: INSTRUCTIONS,
      // It is for answers to questions of a server, and this one asks none.
      jsonSchemaValidator: {
        getValidator: () => () => ({ valid: false, data: undefined, errorMessage: 'not checked' }),
      },
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: TOOLS.filter(mayUse).flatMap((tool) => described(tool, models)),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = TOOLS.find(({ name }) => name === params.name);
    if (!tool?.properties(models))
      throw new McpError(ErrorCode.InvalidParams, `there is no tool ${params.name.slice(0, 64)}`);
    const given = params.arguments ?? {};
    const token = params._meta?.progressToken;
    const onProgress = ({ target, step, steps, fraction }: Progress): void => {
      const message = `${target}: step ${step} of ${steps}`;
      const about = { progressToken: token ?? 0, progress: fraction, total: 1, message };
      extra.sendNotification({ method: 'notifications/progress', params: about }).catch(() => {});
    };
    try {
      assertArguments(tool, given, models);
      const { content, structured } = await tool.run(given, {
        models,
        call: callsFor(extra.signal),
        onProgress: token === undefined ? undefined : onProgress,
      });
      return { content: [...content], structuredContent: structured };
    } catch (error) {
      if (extra.signal.aborted) throw error;
      return refusedResult(failureOf(error));
    }
  });
  return server;
}

/** Requests that need parameters. */
const REQUESTS = [CallToolRequestSchema, InitializeRequestSchema];

/** The error for parameters that do not fit their method, which the SDK would call its own. */
function refusedParameters(message: unknown): Response | undefined {
  if (!isJSONRPCRequest(message)) return undefined;
  const { id, method } = message;
  const schema = REQUESTS.find(({ shape }) => shape.method.value === method);
  const [issue] = schema?.safeParse(message).error?.issues ?? [];
  if (!issue) return undefined;
  const detail = `${method}: ${issue.path.join('.') || 'the message'}: ${issue.message}`;
  const error = { code: ErrorCode.InvalidParams, message: detail };
  return Response.json({ jsonrpc: '2.0', id, error });
}

/**
 * The answer to one message, and what stops the work on it.
 * @param isStreamed whether events are answered, which notifications of progress need
 */
export async function serveMessage(
  request: Request,
  message: unknown,
  isStreamed: boolean,
  serving: Serving,
): Promise<{ readonly answer: Promise<Response>; readonly stop: () => void }> {
  const refused = refusedParameters(message);
  if (refused) return { answer: Promise.resolve(refused), stop: () => {} };
  const server = createServer(serving);
  const transport = new WebStandardStreamableHTTPServerTransport({
    enableJsonResponse: !isStreamed,
  });
  await server.connect(transport as unknown as Parameters<typeof server.connect>[0]);
  return {
    answer: transport.handleRequest(request, { parsedBody: message }),
    stop: () => void server.close(),
  };
}
