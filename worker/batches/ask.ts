/**
 * A line of a batch -> its answer by the public API, which is asked as any caller would: so a line has the validation,
 * the cache, the coalescing and the problems of a direct request. What only says that there is no room now, or that
 * nobody answers, is waited out: it is no answer to the line.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request as send } from 'undici';
import { type LineName, signLine } from '../../shared/api/lineHeaders.ts';
import { describeError, type Log } from '../log.ts';
import type { Answer, LineRequest } from './lines.ts';

export interface AskOptions {
  readonly tenant: string;
  /** By which it is charged once. */
  readonly name?: LineName | undefined;
  /** Names the line in the logs of edge and workers. */
  readonly requestId: string;
  readonly signal: AbortSignal;
}

/** @throws the signal's reason */
export type Ask = (line: LineRequest, options: AskOptions) => Promise<Answer>;

export interface AskSettings {
  /** Address of an edge, without a slash at its end. */
  readonly edge: string;
  readonly secret: string;
  /** Lines that are asked for at once. */
  readonly parallel: number;
  readonly log: Log;
}

/** Tries at a line that brings its workers down, and at one that the server fails at. */
const TRIES = { lost: 5, failed: 3, strange: 8 } as const;
type Counted = keyof typeof TRIES;

const SECONDS = { unknown: 5, longest: 60, unauthorized: 30 } as const;
/** Between two lines of the log about the same trouble. */
const LOG_MILLISECONDS = 30_000;

const jitter = (seconds: number): number => seconds * (0.75 + Math.random() / 2);

/** A problem's code; undefined for what is no JSON of ours. */
function codeOf(body: Uint8Array): string | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(body));
    return (json as { code?: string } | null)?.code ?? '';
  } catch {
    return undefined;
  }
}

/** Seconds until the next try, or what the tries at it are counted as; undefined for an answer. */
function again(
  status: number,
  body: Uint8Array,
  retryAfter: number,
): { readonly seconds?: number; readonly counted?: Counted } | undefined {
  if (status >= 200 && status < 300) return undefined;
  const code = codeOf(body);
  if (code === 'worker_lost') return { counted: 'lost' };
  if (status === 429 || status === 503)
    return { seconds: Math.min(SECONDS.longest, retryAfter || SECONDS.unknown) };
  // The secret differs, or a clock does: the operator's matter, and not the line's.
  if (code === 'unauthorized') return { seconds: SECONDS.unauthorized };
  if (code === 'internal' || code === 'too_slow') return { counted: 'failed' };
  return code === undefined ? { counted: 'strange' } : undefined;
}

/** Call `close` when no more is asked. */
export function createAsk({ edge, secret, parallel, log }: AskSettings): Ask & {
  readonly close: () => Promise<void>;
} {
  // A line may take as long as it likes; that its edge has gone, the connection tells.
  const agent = new Agent({ connections: parallel, headersTimeout: 0, bodyTimeout: 0 });
  let logged = Number.NEGATIVE_INFINITY;

  function trouble(requestId: string, detail: object): void {
    if (performance.now() - logged < LOG_MILLISECONDS) return;
    logged = performance.now();
    log({
      event: 'batch',
      message: 'a line has to be asked for again',
      ...detail,
      request_id: requestId,
    });
  }

  async function once({ url, body }: LineRequest, { tenant, name, requestId, signal }: AskOptions) {
    // An answer in a file has to hold longer than a link does.
    const response = await send(`${edge}${url}?inline=true`, {
      method: 'POST',
      dispatcher: agent,
      signal,
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        'x-request-id': requestId,
        ...(await signLine(secret, url, tenant, body, Date.now() / 1000, name)),
      },
      body,
    });
    return {
      status: response.statusCode,
      retryAfter: Number(response.headers['retry-after'] ?? 0),
      requestId: String(response.headers['x-request-id'] ?? requestId),
      body: new Uint8Array(await response.body.arrayBuffer()),
    };
  }

  async function ask(line: LineRequest, options: AskOptions): Promise<Answer> {
    const { signal, requestId } = options;
    const tries = { lost: 0, failed: 0, strange: 0 };
    for (let broken = 0; ; ) {
      signal.throwIfAborted();
      let seconds: number;
      try {
        const { retryAfter, ...answer } = await once(line, options);
        const next = again(answer.status, answer.body, retryAfter);
        if (!next) return answer;
        const { counted } = next;
        if (counted && ++tries[counted] >= TRIES[counted])
          return counted === 'strange' ? strange(answer) : answer;
        seconds = next.seconds ?? (counted ? 2 ** tries[counted] : SECONDS.unknown);
        const { status } = answer;
        if (counted || status === 401) trouble(requestId, { status, code: codeOf(answer.body) });
        broken = 0;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        trouble(requestId, { error: describeError(error) });
        seconds = Math.min(30, 2 ** broken++);
      }
      await sleep(jitter(seconds) * 1000, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What stands before the edge has answered, in a form of its own. */
  function strange({ status, requestId }: Answer): Answer {
    const body = JSON.stringify({ title: 'What answered was no server of ours', status });
    return { status, requestId, body: new TextEncoder().encode(body) };
  }

  return Object.assign(ask, { close: () => agent.destroy() });
}
