/** How the client's methods reach the server. */

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface Address {
  readonly method: string;
  readonly path: string;
}

export interface OpenOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Sends a request, and answers what came before its body is read. @throws as `Call` */
export type Open = (address: Address, options?: OpenOptions) => Promise<Response>;

/** Sends a request to an address, with a body where there is one. @throws ProblemError, or what `fetch` throws */
export type Call = <T>(address: Address, options?: CallOptions, body?: unknown) => Promise<T>;
