/** Whether an answer is one that the document tells of. */
import { PROBLEMS, type ProblemCode } from '../../shared/api/problem.ts';
import type { Answered } from '../security/ask.ts';
import type { FuzzCase } from './cases.ts';

/** Statuses from 500 that are no fault: the server is full; or the caller asked for it. */
const FULL: readonly string[] = ['overloaded'];
const ASKED_FOR: readonly string[] = ['deadline_exceeded', 'not_cached'];

interface Told {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
}

function faultOf5xx({ status, headers }: Answered, { code, detail }: Told): string | undefined {
  if (FULL.includes(code) && status === 503)
    return Number(headers['retry-after']) > 0
      ? undefined
      : 'is full, and does not say for how long';
  return ASKED_FOR.includes(code) ? undefined : `answers ${status} ${code}: ${detail}`;
}

/** What is wrong with an answer; undefined when nothing is. */
export function judge({ operation }: FuzzCase, answer: Answered): string | undefined {
  const { status, headers, text } = answer;
  if (status === 0) return 'was not answered';
  const types = operation.answers.get(status);
  if (!types) return `answers ${status}, which is not documented: ${text.slice(0, 300)}`;
  if (types.size === 0)
    return text === '' ? undefined : `answers ${status} with a body that is not documented`;
  const type = (headers['content-type'] ?? '').split(';')[0] ?? '';
  if (!types.has(type)) return `answers ${status} as ${type || 'nothing'}, which is not documented`;
  const validate = types.get(type);
  if (!validate) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return `answers ${status} with what is no JSON: ${text.slice(0, 200)}`;
  }
  if (!validate(body)) {
    const [error] = validate.errors ?? [];
    return `answers ${status} with a body that does not fit: ${error?.instancePath} ${error?.message}: ${text.slice(0, 300)}`;
  }
  if (type !== 'application/problem+json') return undefined;
  const told = body as Told;
  if (!operation.codes.get(status)?.has(told.code))
    return `answers ${status} ${told.code}, which is not documented: ${told.detail}`;
  if (PROBLEMS[told.code as ProblemCode]?.status !== status || told.status !== status)
    return `answers ${told.code} with ${status}`;
  return status >= 500 ? faultOf5xx(answer, told) : undefined;
}
