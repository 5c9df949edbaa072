/**
 * The headers by which a worker that runs a batch asks the public API for one of its lines. They are signed as requests
 * between edge and worker are, and say besides whose line it is, which the caller himself cannot say.
 *
 * | header | what it holds |
 * |---|---|
 * | `x-4m-tenant` | whose line it is; covered by the signature |
 */
import type { Nonces } from './nonces.ts';
import { type SignedRequest, signInternal, verifyInternal } from './signing.ts';

export const TENANT_HEADER = 'x-4m-tenant';

/** What is signed in the place of a path: nobody can take the signature for that of another request. */
const signedPath = (path: string, tenant: string): string => `${path} for ${tenant}`;

/** @param now in unix seconds */
export const signLine = async (
  secret: string,
  path: string,
  tenant: string,
  body: Uint8Array<ArrayBuffer>,
  now: number,
): Promise<Record<string, string>> => ({
  [TENANT_HEADER]: tenant,
  ...(await signInternal(secret, { method: 'POST', path: signedPath(path, tenant) }, body, now)),
});

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
  const signed = { method: 'POST', path: signedPath(path, header(TENANT_HEADER) ?? '') };
  return await verifyInternal(secret, signed, header, now, nonces);
};
