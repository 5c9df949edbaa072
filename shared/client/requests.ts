/** Requests to the API: their headers and bodies. */
import type { Address, CallOptions, OpenOptions } from './call.ts';
import { type Bytes, isBytes, sendable } from './files.ts';
import type { Send, TransportOptions } from './transport.ts';

export interface RequestOptions {
  /** Such as `https://4m.example.com`; empty for the page's own origin. */
  readonly baseUrl: string;
  /** Sent with every request to the server, where it asks for keys; a function is asked each time. */
  readonly apiKey?: string | (() => string | undefined);
}

/** @throws ProblemError, ConnectionError, TimeoutError, AbortError */
export type Begin = <T>(
  address: Address,
  options: OpenOptions,
  read: (response: Response) => Promise<T> | T,
) => Promise<T>;

/**
 * A name for one call, the same in each of its tries: a server that has done it answers what it answered then
 * (`Idempotency-Key`). Node 18 and pages without https have no `randomUUID`.
 */
const createName = (): string =>
  globalThis.crypto?.randomUUID?.() ??
  Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');

export const readBlob = (response: Response): Promise<Blob> => response.blob();

const EVENTS = 'text/event-stream';

/** @param upload for files that are too large for the body */
export function createRequests(
  { baseUrl, apiKey, retries }: RequestOptions & Pick<TransportOptions, 'retries'>,
  send: Send,
  upload: (bytes: Bytes, options: CallOptions) => Promise<{ readonly id: string }>,
): Begin {
  const origin = baseUrl.replace(/\/+$/, '');
  return async ({ method, path }, { headers, body, ...options }, read) => {
    const isForm = body instanceof FormData;
    const isFile = isForm || isBytes(body);
    const type = isFile ? 'application/octet-stream' : 'application/json';
    const { once: _, onHeaders: __, ...own } = options;
    const sent = isFile
      ? (body as BodyInit)
      : JSON.stringify(await sendable(body, (bytes) => upload(bytes, own)));
    const key = typeof apiKey === 'function' ? apiKey() : apiKey;
    const isTriedAgain = (options.retries ?? retries) !== 0;
    // Events cannot be answered a second time, and files are sent as they are read.
    const canBeNamed = body !== undefined && !isFile && headers?.accept !== EVENTS;
    const isNamed = method === 'POST' && canBeNamed && isTriedAgain;
    const all = {
      accept: 'application/json',
      ...(isNamed && { 'idempotency-key': createName() }),
      ...(key && { authorization: `Bearer ${key}` }),
      // The type of a form has its boundary, which `fetch` chooses.
      ...(body !== undefined && !isForm && { 'content-type': type }),
      ...headers,
    };
    // What has a name is done once, however often it is sent.
    const once = options.once === true && !isNamed;
    const request = { ...options, once, method, headers: all };
    return await send(
      origin + path,
      { ...request, ...(body !== undefined && { body: sent }) },
      read,
    );
  };
}
