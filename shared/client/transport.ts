/** One request and its answer: tried again where that helps, and bounded in time. */
import { AbortError, failureOf, releases, TimeoutError } from './failures.ts';
import { ProblemError, problemFrom } from './problem.ts';
import { isUnderWay, mayTryAgain, pause, retryAfterOf, waitBefore } from './retry.ts';

export interface TransportOptions {
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
  /**
   * Milliseconds that each try may take: until the answer is read, or of a stream until it begins. 300,000 when
   * left out, 0 for no bound.
   */
  readonly timeout?: number;
  /**
   * Times that a call is tried again: where no connection comes about or it breaks, and where the server says that
   * the same request may succeed later (`Retry-After`). 2 when left out. Requests in JSON have a name, so that they are
   * done and charged once; a file that must not be sent twice is tried again only where the server has refused it.
   */
  readonly retries?: number;
}

export interface SendOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  readonly retries?: number;
  /** It must not happen twice. */
  readonly once?: boolean;
  /** Called with the headers of each answer. */
  readonly onHeaders?: (headers: Headers) => void;
}

/**
 * @param read of an answer that is no problem; the time is up to its end
 * @throws ProblemError, ConnectionError, TimeoutError, AbortError
 */
export type Send = <T>(
  url: string,
  options: SendOptions,
  read: (response: Response) => Promise<T> | T,
) => Promise<T>;

const TIMEOUT_MILLISECONDS = 300_000;
const RETRIES = 2;
/** A timer that is asked for more ends at once. */
const MOST_MILLISECONDS = 2 ** 31 - 1;

async function throwIfProblem(response: Response): Promise<void> {
  if (response.ok) return;
  const text = await response.text();
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    // A proxy's HTML page or an empty body; the status says enough.
  }
  const detail = `HTTP ${response.status} ${response.statusText}`.trim();
  const retryAfter = retryAfterOf(response.headers.get('retry-after'));
  throw new ProblemError(problemFrom(answer, response.status, detail), { retryAfter });
}

/** @throws ProblemError for what is no JSON */
export async function readJson<T>(response: Response): Promise<T> {
  const text = await response.text();
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new ProblemError(problemFrom(undefined, 502, 'The answer is no JSON'), { cause });
  }
}

export function createTransport(defaults: TransportOptions): Send {
  // Wrapped, because browsers refuse a `fetch` that is called as a method of another object.
  const given: typeof fetch = defaults.fetch ?? ((input, init) => fetch(input, init));

  async function attempt<T>(
    url: string,
    { method = 'GET', headers, body, signal, onHeaders, timeout: own }: SendOptions,
    read: (response: Response) => Promise<T> | T,
  ): Promise<T> {
    if (signal?.aborted) throw new AbortError(signal.reason);
    const timeout = own ?? defaults.timeout ?? TIMEOUT_MILLISECONDS;
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal?.reason);
    const letGo = (): void => signal?.removeEventListener('abort', stop);
    signal?.addEventListener('abort', stop, { once: true });
    let isLate = false;
    const timer =
      timeout > 0
        ? setTimeout(
            () => {
              isLate = true;
              controller.abort();
            },
            Math.min(timeout, MOST_MILLISECONDS),
          )
        : undefined;
    let isStream = false;
    let isCallers = false;
    try {
      const response = await given(url, {
        ...(method !== 'GET' && { method }),
        ...(headers && { headers }),
        ...(body !== undefined && { body }),
        signal: controller.signal,
      });
      isCallers = true;
      onHeaders?.(response.headers);
      isCallers = false;
      await throwIfProblem(response);
      const result = await read(response);
      // What is still to be read goes on to hear the caller's signal.
      if (result === response && response.body) {
        isStream = true;
        releases.set(response.body, letGo);
      }
      return result;
    } catch (error) {
      if (isCallers) {
        controller.abort();
        throw error;
      }
      if (isLate && !signal?.aborted) throw new TimeoutError(timeout, { cause: error });
      throw failureOf(error, signal);
    } finally {
      clearTimeout(timer);
      if (!isStream) letGo();
    }
  }

  return async (url, options, read) => {
    const retries = options.retries ?? defaults.retries ?? RETRIES;
    const until = Date.now() + ((options.timeout ?? defaults.timeout) || TIMEOUT_MILLISECONDS);
    let underWay = 0;
    for (let failed = 1; ; failed++) {
      try {
        return await attempt(url, options, read);
      } catch (error) {
        if (isUnderWay(error) && Date.now() < until) underWay++;
        const isWorthIt = failed - underWay <= retries && mayTryAgain(error, options.once ?? false);
        const wait = isWorthIt ? waitBefore(failed, error) : undefined;
        if (wait === undefined) throw error;
        await pause(wait, options.signal);
      }
    }
  };
}
