/**
 * Requests to addresses that users name: of pictures and arrays to read, of webhooks to deliver. They reach
 * the public internet alone, and are bounded in time and size. Each request has a connection of its own.
 */
import { Agent, type buildConnector } from 'undici';
import { type Allow, readAddress } from '../../shared/guard/allowed.ts';
import { type Refused, refusalOf, refused } from '../../shared/guard/refused.ts';
import { guardedConnect, type Resolve, systemResolve } from './connect.ts';

/** Milliseconds at most. */
export interface Times {
  /** Until a connection stands. */
  readonly connect: number;
  /** From then until the headers of the answer are there. */
  readonly headers: number;
  /** Between two pieces of the body. */
  readonly body: number;
  /** Of the whole request with its redirects; the others end with it. */
  readonly whole: number;
}

const TIMES: Times = { connect: 5_000, headers: 15_000, body: 10_000, whole: 30_000 };

export interface GuardOptions {
  readonly allow?: Allow;
  readonly resolve?: Resolve;
  /** Certificates that are trusted besides the usual ones, in PEM: for tests. */
  readonly ca?: string;
  /** Makes connections, for tests. */
  readonly build?: typeof buildConnector;
}

export interface GuardedRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal;
  /** Redirects that are followed at most, each checked as the first address; 0 when left out. GET and HEAD only. */
  readonly redirects?: number;
  /** Bytes of the answer's body at most; 1 MB when left out. */
  readonly mostBytes?: number;
  /** What becomes of a longer body: the request is refused, or the body is cut off there. */
  readonly beyond?: 'refuse' | 'cut';
  /** Looks at an answer before its body is read; what it returns is what the request comes to. */
  readonly check?: (answer: Pick<GuardedAnswer, 'status' | 'headers'>) => Refused | undefined;
  readonly times?: Partial<Times>;
}

export interface GuardedAnswer {
  readonly ok: true;
  readonly status: number;
  /** By their names in lower case; several of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Where the answer came from in the end. */
  readonly url: string;
  /** Whether the body goes on behind what is here. */
  readonly cut: boolean;
}

/**
 * Any status is an answer, also that of a redirect which is not followed.
 * @throws the signal's reason when it aborts; everything else is a refusal
 */
export type GuardedFetch = (
  url: string,
  request?: GuardedRequest,
) => Promise<GuardedAnswer | Refused>;

const MOST_BYTES = 1_000_000;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const USER_AGENT = '4m-edge';
/** Headers that go to the origin they were given for, and to no other. */
const SECRET = ['authorization', 'cookie'];

type Headers = Readonly<Record<string, string>>;

const joined = (headers: Record<string, string | string[] | undefined>): Headers =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );

const withoutSecrets = (headers: Headers): Headers =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !SECRET.includes(name.toLowerCase())),
  );

/** What a failed request is called. */
function refusalFor(error: unknown): Refused {
  const carried = refusalOf(error);
  if (carried) return carried;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.endsWith('_TIMEOUT') || code === 'ETIMEDOUT')
    return refused('too_slow', 'its server takes too long to answer');
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/.test(code))
    return refused('connection', `its certificate does not hold (${code})`);
  return refused('connection', `its server does not answer${code && ` (${code})`}`);
}

/** The first bytes of a body, and whether it goes on. Leaving the loop ends the connection. */
async function firstBytes(
  body: AsyncIterable<Uint8Array>,
  most: number,
): Promise<{ body: Uint8Array<ArrayBuffer>; cut: boolean }> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    pieces.push(piece.subarray(0, most - length));
    length += piece.length;
    if (length > most) break;
  }
  const bytes = new Uint8Array(Math.min(length, most));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { body: bytes, cut: length > most };
}

/** Makes a guarded `fetch`. Whoever makes it says what is allowed; a request cannot. */
export function createGuardedFetch(options: GuardOptions = {}): GuardedFetch {
  const { allow = {}, resolve = systemResolve, ca, build } = options;

  /** One request, without redirects. */
  async function ask(
    url: URL,
    request: GuardedRequest,
    headers: Headers,
    signal: AbortSignal,
    times: Times,
  ): Promise<GuardedAnswer | Refused> {
    const { method = 'GET', body, mostBytes = MOST_BYTES, beyond = 'refuse' } = request;
    const tooLarge = refused('too_large', `its answer has more than ${mostBytes} bytes`);
    const milliseconds = times.connect;
    const more = { ...(ca !== undefined && { ca }), ...(build && { build }) };
    const connect = guardedConnect({ allow, resolve, milliseconds, ...more });
    const agent = new Agent({ connect, maxHeaderSize: 16_384 });
    try {
      const response = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { 'user-agent': USER_AGENT, 'accept-encoding': 'identity', ...headers },
        ...(body !== undefined && { body }),
        signal,
        headersTimeout: times.headers,
        bodyTimeout: times.body,
      });
      const found = joined(response.headers);
      const answer = {
        ok: true,
        status: response.statusCode,
        headers: found,
        url: url.href,
      } as const;
      const {
        location,
        'content-encoding': encoding = 'identity',
        'content-length': length,
      } = found;
      if (REDIRECTS.includes(answer.status) && location !== undefined)
        return { ...answer, body: new Uint8Array(0), cut: false };
      const objection = request.check?.(answer);
      if (objection) return objection;
      if (encoding !== 'identity' && beyond === 'refuse')
        return refused('encoding', 'its answer is compressed');
      if (beyond === 'refuse' && method !== 'HEAD' && Number(length) > mostBytes) return tooLarge;
      const read = await firstBytes(response.body, mostBytes);
      return read.cut && beyond === 'refuse' ? tooLarge : { ...answer, ...read };
    } finally {
      // Also ends a body that nobody reads, and one that never ends.
      agent.destroy().catch(() => undefined);
    }
  }

  async function follow(
    text: string,
    request: GuardedRequest,
    signal: AbortSignal,
    times: Times,
  ): Promise<GuardedAnswer | Refused> {
    const { method = 'GET' } = request;
    const redirects = method === 'GET' || method === 'HEAD' ? (request.redirects ?? 0) : 0;
    let url = readAddress(text, allow);
    let headers = request.headers ?? {};
    for (let left = redirects; ; left--) {
      if (!(url instanceof URL)) return url;
      const answer: GuardedAnswer | Refused = await ask(url, request, headers, signal, times);
      if (!answer.ok || redirects === 0 || !REDIRECTS.includes(answer.status)) return answer;
      const { location } = answer.headers;
      if (location === undefined) return answer;
      if (left === 0) return refused('redirects', `it redirects more than ${redirects} times`);
      const next: URL | Refused = URL.canParse(location, url.href)
        ? readAddress(new URL(location, url).href, allow)
        : refused('malformed', 'it redirects to what is no address');
      if (next instanceof URL && next.origin !== url.origin) headers = withoutSecrets(headers);
      url = next;
    }
  }

  return async (url, request = {}) => {
    const times = { ...TIMES, ...request.times };
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const timer = setTimeout(end, times.whole);
    // The caller's signal may outlive many requests: nothing of this one stays with it.
    request.signal?.addEventListener('abort', end, { once: true });
    try {
      request.signal?.throwIfAborted();
      return await follow(url, request, ended.signal, times);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (ended.signal.aborted)
        return refused('too_slow', `it takes more than ${times.whole / 1000} seconds`);
      return refusalFor(error);
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', end);
    }
  };
}
