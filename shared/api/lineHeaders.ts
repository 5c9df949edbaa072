/**
 * The headers by which a worker that runs a batch asks the public API for one of its lines. They are signed as requests
 * between edge and worker are, and say besides whose line it is, which the caller himself cannot say.
 *
 * | header | what it holds |
 * |---|---|
 * | `x-4m-tenant` | whose line it is; covered by the signature |
 * | `x-4m-line` | which line of which batch, and the key that sent the batch; covered as well |
 */
import type { Nonces } from './nonces.ts';
import { type SignedRequest, signInternal, verifyInternal } from './signing.ts';

export const TENANT_HEADER = 'x-4m-tenant';
export const LINE_HEADER = 'x-4m-line';

/** Which line it is, so that it is charged once. */
export interface LineName {
  readonly batch: string;
  /** From 1. */
  readonly number: number;
  /** Id of the key that sent the batch; empty where it had none. */
  readonly key: string;
}

/** A space at the end of a header would be lost. */
const textOf = ({ batch, number, key }: LineName): string => `${batch} ${number} ${key || '-'}`;

/** The line that a header names; undefined where there is none. */
export function readLine(text: string | undefined): LineName | undefined {
  const [, batch, number, key] = /^(\w{1,64}) (\d{1,9}) (\w{1,64}|-)$/.exec(text ?? '') ?? [];
  if (batch === undefined || key === undefined) return undefined;
  return { batch, number: Number(number), key: key === '-' ? '' : key };
}

/** What is signed in the place of a path: nobody can take the signature for that of another request. */
const signedPath = (path: string, tenant: string, line: string): string =>
  `${path} for ${tenant} as ${line}`;

/** @param now in unix seconds */
export const signLine = async (
  secret: string,
  path: string,
  tenant: string,
  body: Uint8Array<ArrayBuffer>,
  now: number,
  line?: LineName,
): Promise<Record<string, string>> => {
  const text = line ? textOf(line) : '';
  const signed = { method: 'POST', path: signedPath(path, tenant, text) };
  return {
    [TENANT_HEADER]: tenant,
    ...(line && { [LINE_HEADER]: text }),
    ...(await signInternal(secret, signed, body, now)),
  };
};

/**
 * @param header the value of a header, by its name in lower case
 * @param now in unix seconds
 * @param nonces of the lines that this process has taken
 * @returns what the body has to be; undefined when the signature is missing, wrong, too old, or was taken before
 */
export const verifyLine = async (
  secret: string,
  path: string,
  header: (name: string) => string | undefined,
  now: number,
  nonces: Nonces,
): Promise<SignedRequest | undefined> => {
  const text = header(LINE_HEADER)?.trim() ?? '';
  const signed = { method: 'POST', path: signedPath(path, header(TENANT_HEADER) ?? '', text) };
  return await verifyInternal(secret, signed, header, now, nonces);
};
