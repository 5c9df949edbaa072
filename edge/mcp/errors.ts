/** Failures as JSON-RPC has them, beside the problem that every address answers. */
import type { MiddlewareHandler } from 'hono';
import type { Failure, ProblemCode } from '../../shared/api/problem.ts';
import { type EdgeContext, type EdgeEnv, problemResponse } from '../problems.ts';

/** https://www.jsonrpc.org/specification#error_object */
const RPC_CODES: Partial<Record<ProblemCode, number>> = {
  invalid_json: -32700,
  invalid_request: -32600,
  empty_request: -32600,
  internal: -32603,
};
/** Of what the server itself says. */
const SERVER_ERROR = -32000;

const rpcError = ({ code, detail }: Failure) => ({
  jsonrpc: '2.0',
  id: null,
  error: { code: RPC_CODES[code] ?? SERVER_ERROR, message: detail, data: { code } },
});

/** Every problem of the address is an error of JSON-RPC as well. */
export const mcpErrors: MiddlewareHandler<EdgeEnv> = async (c, next) => {
  c.set('beside', rpcError);
  await next();
};

const CODES: Readonly<Record<number, ProblemCode>> = {
  406: 'not_acceptable',
  413: 'too_large',
  415: 'unsupported_media_type',
};

/** What the transport refuses, as a problem. */
export async function asProblem(c: EdgeContext, answer: Response): Promise<Response> {
  const { error } = (await answer.json()) as { readonly error: { readonly message: string } };
  const code = CODES[answer.status] ?? (answer.status < 500 ? 'invalid_request' : 'internal');
  return problemResponse(c, { code, detail: error.message });
}
