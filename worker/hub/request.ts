/** Requests to the hub: which answers are worth another attempt, and what the others mean. */
import { setTimeout as sleep } from 'node:timers/promises';
import { HubApiError, InvalidApiResponseFormatError } from '@huggingface/hub';
import { HubError } from './errors.ts';

export interface Hub {
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** Milliseconds to wait before the second attempt, the third, and so on. */
  readonly waits: readonly number[];
  /** Milliseconds without a byte after which a connection counts as lost. */
  readonly patience: number;
}

export const HUB_DEFAULTS = {
  endpoint: 'https://huggingface.co',
  waits: [1000, 2000, 4000, 8000, 16000],
  patience: 60_000,
} as const satisfies Hub;

/** The connection or the server failed in a way that may pass. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
}

/** What a request is about, for messages. */
export interface Subject {
  readonly repository: string;
  readonly file?: string;
}

/**
 * `fetch` that answers only what can be used.
 * @throws TransientError where another attempt may help, HubError otherwise
 */
export const fetchFor =
  (subject: Subject): typeof fetch =>
  async (input, init) => {
    let response: Response;
    try {
      response = await fetch(input, init);
    } catch (cause) {
      throw new TransientError(reasonOf(cause), { cause });
    }
    const { status } = response;
    const code = response.headers.get('x-error-code') ?? '';
    // The package answers null for a file that is not there.
    if (response.ok || status === 416 || code === 'EntryNotFound') return response;
    await response.body?.cancel();
    if (status === 429 || status >= 500) throw new TransientError(`the hub answered ${status}`);
    throw refusal(subject, status, code);
  };

function refusal({ repository, file }: Subject, status: number, code: string): HubError {
  const place = file === undefined ? repository : `${repository}: ${file}`;
  if (code === 'GatedRepo' || status === 403)
    return new HubError(
      'access',
      `${place}: access is restricted (${status}); accept the terms on the repository's page, and set HF_TOKEN to a token of that account`,
    );
  if (code === 'RevisionNotFound')
    return new HubError('not_found', `${place}: there is no such revision`);
  // The hub does not tell strangers whether a private repository exists.
  if (status === 401)
    return new HubError(
      'access',
      `${place}: there is no such repository, or it is private (401); check its name, or set HF_TOKEN to a token that may read it`,
    );
  if (status === 404) return new HubError('not_found', `${place}: not on the hub (404)`);
  return new HubError('response', `${place}: the hub answered ${status}`);
}

export interface Retries {
  /** What is being attempted, for messages. */
  readonly what: string;
  /** What to do, for the message after the last attempt. */
  readonly advice?: string;
  /** Whether the last attempt got further, which starts the count of attempts anew. */
  readonly progressed?: () => boolean;
  readonly onRetry?: (problem: string, wait: number) => void;
}

/** @throws HubError `network` after the last attempt; other errors at once */
export async function withRetries<T>(
  { waits }: Hub,
  { what, advice, progressed, onRetry }: Retries,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientError)) throw understood(what, error);
      if (progressed?.()) failures = 0;
      const wait = waits[failures];
      if (wait === undefined)
        throw new HubError(
          'network',
          `${what}: ${error.message}; gave up after ${failures + 1} attempts${advice ? `; ${advice}` : ''}`,
          { cause: error },
        );
      onRetry?.(error.message, wait);
      await sleep(wait);
    }
  }
}

/** What the package throws on answers that are not as the hub's; errors of ours and the system's stay. */
function understood(what: string, error: unknown): unknown {
  const foreign =
    error instanceof InvalidApiResponseFormatError ||
    error instanceof HubApiError ||
    error instanceof SyntaxError;
  return foreign
    ? new HubError('response', `${what}: not an answer of a hub: ${error.message}`, {
        cause: error,
      })
    : error;
}

/** fetch says `fetch failed`, and what failed in its cause. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}
