/** How the client's methods reach the server. */

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds that each try of this call may take; see `ClientOptions`. */
  readonly timeout?: number;
  /** Times that this call is tried again; see `ClientOptions`. */
  readonly retries?: number;
}

export interface Address {
  readonly method: string;
  readonly path: string;
}

export interface OpenOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, in which bytes may stand for inputs; or a file, which goes as it is. */
  readonly body?: unknown;
  /** It must not happen twice. */
  readonly once?: boolean;
  readonly onHeaders?: (headers: Headers) => void;
}

/** Sends a request, and answers what came before its body is read. @throws as `Call` */
export type Open = (address: Address, options?: OpenOptions) => Promise<Response>;

/**
 * Sends a request to an address, with a body where there is one.
 * @throws ProblemError, ConnectionError, TimeoutError, AbortError
 */
export type Call = <T>(address: Address, options?: OpenOptions, body?: unknown) => Promise<T>;
