/**
 * Signatures of the internal API. A signature covers the headers alone, among them the digest and the
 * length of the body, so that a worker refuses a stranger before it reads a byte of what he sends. Once
 * the body is read, its digest is compared.
 *
 * | header | what it holds |
 * |---|---|
 * | `x-4m-timestamp` | unix seconds; a request is accepted within 300 s of it |
 * | `x-4m-nonce` | 32 hexadecimal digits, drawn at random; a process takes a request once |
 * | `x-4m-content-length` | bytes of the body; 0 without one |
 * | `x-4m-content-sha256` | sha256 of the body, in hex |
 * | `x-4m-signature` | HMAC-SHA256, in hex, over the text that `signedText` writes |
 */
import { hmacSha256, sha256 } from '../sha256.ts';
import type { Nonces } from './nonces.ts';

const TOLERANCE_SECONDS = 300;

/** What a signature vouches for. */
export interface SignedRequest {
  readonly method: string;
  /** Path of the address, without host and query. */
  readonly path: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** Tells the request apart from every other one. */
  readonly nonce: string;
  /** Bytes of the body. */
  readonly contentLength: number;
  /** sha256 of the body, in hex. */
  readonly contentSha256: string;
}

const signedText = (request: SignedRequest): string =>
  [
    '4m-internal-3',
    request.method,
    request.path,
    request.timestamp,
    request.nonce,
    request.contentLength,
    request.contentSha256,
  ].join('\n');

const signatureOf = (secret: string, request: SignedRequest): Promise<string> =>
  hmacSha256(secret, signedText(request));

/** Compares without telling by its time where two texts differ. */
function isEqual(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  return difference === 0;
}

/** The headers that a request to a worker carries. `now` is in unix seconds. */
export async function signInternal(
  secret: string,
  { method, path }: Pick<SignedRequest, 'method' | 'path'>,
  body: Uint8Array<ArrayBuffer>,
  now: number,
): Promise<Record<string, string>> {
  const timestamp = Math.floor(now);
  const contentLength = body.byteLength;
  const contentSha256 = await sha256(body);
  // Of all that draw, this draws at the least cost: 122 of its bits are random.
  const nonce = crypto.randomUUID().replaceAll('-', '');
  const signed = { method, path, timestamp, nonce, contentLength, contentSha256 };
  return {
    'x-4m-timestamp': String(timestamp),
    'x-4m-nonce': nonce,
    'x-4m-content-length': String(contentLength),
    'x-4m-content-sha256': contentSha256,
    'x-4m-signature': await signatureOf(secret, signed),
  };
}

/**
 * Judges the headers of a request, before its body is read.
 * @param header the value of a header, by its name in lower case
 * @param now in unix seconds
 * @param nonces of the requests that this process has taken
 * @returns what the body has to be; undefined when the signature is missing, wrong, too old, or was taken before
 */
export async function verifyInternal(
  secret: string,
  { method, path }: Pick<SignedRequest, 'method' | 'path'>,
  header: (name: string) => string | undefined,
  now: number,
  nonces: Nonces,
): Promise<SignedRequest | undefined> {
  const [timestampText, lengthText] = [header('x-4m-timestamp'), header('x-4m-content-length')];
  if (!/^\d{1,12}$/.test(timestampText ?? '') || !/^\d{1,12}$/.test(lengthText ?? '')) return;
  const timestamp = Number(timestampText);
  if (Math.abs(now - timestamp) > TOLERANCE_SECONDS) return undefined;
  const nonce = header('x-4m-nonce') ?? '';
  if (!/^[0-9a-f]{32}$/.test(nonce)) return undefined;
  const contentSha256 = header('x-4m-content-sha256') ?? '';
  const contentLength = Number(lengthText);
  const signed = { method, path, timestamp, nonce, contentLength, contentSha256 };
  const expected = await signatureOf(secret, signed);
  // What was not signed is not remembered: a stranger's nonce must not take the place of a good one.
  if (!isEqual(expected, header('x-4m-signature') ?? '')) return undefined;
  return nonces.take(nonce, timestamp + TOLERANCE_SECONDS, now) ? signed : undefined;
}

/** Whether a body is the one that was signed. */
export async function isSignedBody(
  { contentLength, contentSha256 }: SignedRequest,
  body: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (body.byteLength !== contentLength) return false;
  return isEqual(await sha256(body), contentSha256);
}
