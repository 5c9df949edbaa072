/** Problems in the shape that OpenAI's clients read, beside the one that every address answers. */
import type { MiddlewareHandler } from 'hono';
import { pointerSteps } from '../../shared/api/pointer.ts';
import { type Failure, PROBLEMS, type ProblemCode } from '../../shared/api/problem.ts';
import type { EdgeEnv } from '../problems.ts';

/** https://platform.openai.com/docs/guides/error-codes */
export interface OpenAiError {
  readonly message: string;
  readonly type: 'invalid_request_error' | 'requests' | 'insufficient_quota' | 'server_error';
  /** The field, such as `input[3]`. */
  readonly param: string | null;
  readonly code: string;
}

const paramOf = (pointer: string): string =>
  pointerSteps(pointer).reduce(
    (path, step) =>
      /^\d+$/.test(step) ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`,
    '',
  );

/** Names that programs know, where theirs differ. */
const CODES: Partial<Record<ProblemCode, string>> = {
  model_not_loaded: 'model_not_found',
  unauthorized: 'invalid_api_key',
  quota_exceeded: 'rate_limit_exceeded',
  payment_required: 'insufficient_quota',
};

function typeOf(code: ProblemCode): OpenAiError['type'] {
  if (code === 'quota_exceeded') return 'requests';
  if (code === 'payment_required') return 'insufficient_quota';
  return PROBLEMS[code].status < 500 ? 'invalid_request_error' : 'server_error';
}

export function openAiError({ code, detail, errors = [] }: Failure): { error: OpenAiError } {
  const [first] = errors;
  return {
    error: {
      message: detail,
      type: typeOf(code),
      param: first ? paramOf(first.pointer) : null,
      code: CODES[code] ?? code,
    },
  };
}

/** Every problem of the address also has `error`. */
export const openAiErrors: MiddlewareHandler<EdgeEnv> = async (c, next) => {
  c.set('beside', openAiError);
  await next();
};
