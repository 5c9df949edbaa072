/** How the client's methods reach the server. */

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface Address {
  readonly method: string;
  readonly path: string;
}

/** Sends a request to an address, with a body where there is one. @throws ProblemError, or what `fetch` throws */
export type Call = <T>(address: Address, options?: CallOptions, body?: unknown) => Promise<T>;
