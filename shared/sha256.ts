/** sha256, as fast as the platform has it. */

const encoder = new TextEncoder();

/** What Node and workerd have beside web standards. */
interface Platform {
  getBuiltinModule?(name: 'node:crypto'): {
    createHash(name: 'sha256'): Hash;
    /** The same in one step; workerd has none. */
    hash?(name: 'sha256', content: string | Uint8Array, form: 'hex'): string;
    createHmac(name: 'sha256', key: string): Hash;
  };
}

interface Hash {
  update(content: string | Uint8Array): { digest(form: 'hex'): string };
}

/**
 * WebCrypto hands each hash to a thread, which takes the processor twenty times as long as hashing a short text, and a
 * long one is hashed there while others get their turn. Absent where there is only WebCrypto.
 */
const platform: Platform | undefined = (globalThis as { process?: Platform }).process;
const { createHash, createHmac, hash } = platform?.getBuiltinModule?.('node:crypto') ?? {};
/** Bytes that are hashed in a tenth of a millisecond. */
const SHORT = 64 * 1024;

const hex = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** sha256 in hex. Text counts as UTF-8. */
export async function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  if (hash && content.length <= SHORT) return hash('sha256', content, 'hex');
  if (createHash && content.length <= SHORT)
    return createHash('sha256').update(content).digest('hex');
  const bytes = typeof content === 'string' ? encoder.encode(content) : content;
  return hex(await crypto.subtle.digest('SHA-256', bytes));
}

/** HMAC-SHA256 of a short text, in hex. */
export async function hmacSha256(secret: string, text: string): Promise<string> {
  if (createHmac) return createHmac('sha256', secret).update(text).digest('hex');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const raw = encoder.encode(secret);
  const key = await crypto.subtle.importKey('raw', raw, algorithm, false, ['sign']);
  return hex(await crypto.subtle.sign('HMAC', key, encoder.encode(text)));
}
