/** Requests to the API: their headers and bodies. */
import type { Address, OpenOptions } from './call.ts';
import { type Bytes, isBytes, sendable } from './files.ts';
import type { Send } from './transport.ts';

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

export const readBlob = (response: Response): Promise<Blob> => response.blob();

/** @param upload for files that are too large for the body */
export function createRequests(
  { baseUrl, apiKey }: RequestOptions,
  send: Send,
  upload: (bytes: Bytes) => Promise<{ readonly id: string }>,
): Begin {
  const origin = baseUrl.replace(/\/+$/, '');
  return async ({ method, path }, { headers, body, ...options }, read) => {
    const isForm = body instanceof FormData;
    const isFile = isForm || isBytes(body);
    const type = isFile ? 'application/octet-stream' : 'application/json';
    const sent = isFile ? (body as BodyInit) : JSON.stringify(await sendable(body, upload));
    const key = typeof apiKey === 'function' ? apiKey() : apiKey;
    const all = {
      accept: 'application/json',
      ...(key && { authorization: `Bearer ${key}` }),
      // The type of a form has its boundary, which `fetch` chooses.
      ...(body !== undefined && !isForm && { 'content-type': type }),
      ...headers,
    };
    const request = { ...options, method, headers: all };
    return await send(
      origin + path,
      { ...request, ...(body !== undefined && { body: sent }) },
      read,
    );
  };
}
