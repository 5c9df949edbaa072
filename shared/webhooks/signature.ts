/**
 * Signatures of Standard Webhooks (specification 1.0.0, "Signature scheme"): HMAC-SHA256 over `id.timestamp.body`.
 * Senders and receivers use it: it needs web standards alone.
 */
import { fromBase64, toBase64 } from '../base64.ts';

const PREFIX = 'whsec_';
/** Bytes of a secret, by the specification. */
const LEAST_BYTES = 24;
const MOST_BYTES = 64;
const BYTES = 32;

/** A new secret: `whsec_` and base64. */
export const createSecret = (): string =>
  PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(BYTES)));

/** @throws Error for a text that is no secret; it does not show it */
async function keyOf(secret: string, usage: 'sign' | 'verify'): Promise<CryptoKey> {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64(text);
  } catch {
    throw new Error('the webhook secret is not whsec_ and base64');
  }
  if (bytes.length < LEAST_BYTES || bytes.length > MOST_BYTES)
    throw new Error(
      `a webhook secret has ${LEAST_BYTES} to ${MOST_BYTES} bytes, not ${bytes.length}`,
    );
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return await crypto.subtle.importKey('raw', bytes, algorithm, false, [usage]);
}

const encoder = new TextEncoder();

/** The bytes that are signed. */
function signedBytes(
  id: string,
  timestamp: string,
  body: string | Uint8Array,
): Uint8Array<ArrayBuffer> {
  const head = encoder.encode(`${id}.${timestamp}.`);
  const bytes = typeof body === 'string' ? encoder.encode(body) : body;
  const all = new Uint8Array(head.length + bytes.length);
  all.set(head);
  all.set(bytes, head.length);
  return all;
}

export interface WebhookHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * The headers of one attempt.
 * @param seconds unix time of the attempt
 * @param secrets each signs, so that receivers which know an older one go on
 * @throws Error where one is no secret
 */
export async function signWebhook(
  id: string,
  seconds: number,
  body: string | Uint8Array,
  secrets: readonly string[],
): Promise<WebhookHeaders> {
  const timestamp = String(Math.floor(seconds));
  const bytes = signedBytes(id, timestamp, body);
  const signatures: string[] = [];
  for (const secret of secrets) {
    const signature = await crypto.subtle.sign('HMAC', await keyOf(secret, 'sign'), bytes);
    signatures.push(`v1,${toBase64(new Uint8Array(signature))}`);
  }
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

/** Why a webhook is not trusted. */
export type Distrust = 'headers_missing' | 'too_old' | 'too_new' | 'no_signature_matches';

/** Seconds that the clocks of both ends, and the way between them, may differ. */
export const TOLERANCE_SECONDS = 300;
/** Signatures that are looked at: one webhook has as many as there are secrets at once. */
const MOST_SIGNATURES = 16;

/**
 * Whether a webhook comes from who has the secret, and is not one of earlier; undefined when it does.
 * Signatures are compared by WebCrypto, in a time that tells nothing of them.
 * @param header the value of a header by its name in lower case
 * @param now unix seconds
 * @throws Error where the secret is none
 */
export async function distrustOf(
  body: string | Uint8Array,
  header: (name: keyof WebhookHeaders) => string | undefined,
  secret: string,
  now: number,
): Promise<Distrust | undefined> {
  const [id, timestamp, signatures] = [
    header('webhook-id'),
    header('webhook-timestamp'),
    header('webhook-signature'),
  ];
  const key = await keyOf(secret, 'verify');
  if (!id || !signatures || !timestamp || !/^\d{1,15}$/.test(timestamp)) return 'headers_missing';
  if (now - Number(timestamp) > TOLERANCE_SECONDS) return 'too_old';
  if (Number(timestamp) - now > TOLERANCE_SECONDS) return 'too_new';
  const bytes = signedBytes(id, timestamp, body);
  for (const signature of signatures.split(' ').slice(0, MOST_SIGNATURES)) {
    const [version, text = ''] = signature.split(',');
    if (version !== 'v1') continue;
    let given: Uint8Array<ArrayBuffer>;
    try {
      given = fromBase64(text);
    } catch {
      continue;
    }
    if (await crypto.subtle.verify('HMAC', key, given, bytes)) return undefined;
  }
  return 'no_signature_matches';
}
