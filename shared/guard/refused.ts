/** Why a guarded request did not come to an answer. */
export type GuardReason =
  /** It is no address of the web. */
  | 'malformed'
  /** Neither https, nor http where that is allowed. */
  | 'scheme'
  /** It carries a user name or a password. */
  | 'credentials'
  | 'port'
  /** It leads, or its name leads, to an address that is not public. */
  | 'address'
  /** Its name has no address. */
  | 'unresolved'
  | 'redirects'
  /** No connection, a certificate that does not hold, or an answer that is no HTTP or breaks off. */
  | 'connection'
  | 'too_slow'
  | 'too_large'
  /** The answer is compressed, though that was not asked for. */
  | 'encoding'
  /** The answer is not what was asked for, by its status or its content type. */
  | 'status'
  | 'content';

export interface Refused {
  readonly ok: false;
  readonly reason: GuardReason;
  /** A sentence for whoever gave the address; it names no address that a name was resolved to. */
  readonly detail: string;
}

/** Reasons that may be gone when the same request is made later. */
const PASSING: readonly GuardReason[] = ['unresolved', 'connection', 'too_slow'];

/** Whether the same request may come to an answer later. */
export const mayPass = ({ reason }: Refused): boolean => PASSING.includes(reason);

export const refused = (reason: GuardReason, detail: string): Refused => ({
  ok: false,
  reason,
  detail,
});

/** Errors that stand for a refusal where only an error can be passed on: through a socket. */
const carried = new WeakMap<Error, Refused>();

export function errorOf(refusal: Refused): Error {
  const error = new Error(refusal.detail);
  carried.set(error, refusal);
  return error;
}

/** The refusal that an error stands for, itself or by its causes. */
export function refusalOf(error: unknown): Refused | undefined {
  for (let depth = 0; error instanceof Error && depth < 8; depth++) {
    const refusal = carried.get(error);
    if (refusal) return refusal;
    error = error.cause;
  }
  return undefined;
}
