/** sha256, as fast as the platform has it. */

const encoder = new TextEncoder();

/** What Node and workerd have beside web standards. */
interface Platform {
  getBuiltinModule?(name: 'node:crypto'): {
    createHash(name: 'sha256'): {
      update(content: string | Uint8Array): { digest(form: 'hex'): string };
    };
  };
}

/**
 * WebCrypto hands each hash to a thread, which takes the processor twenty times as long as hashing a short text, and a
 * long one is hashed there while others get their turn. Absent where there is only WebCrypto.
 */
const platform: Platform | undefined = (globalThis as { process?: Platform }).process;
const createHash = platform?.getBuiltinModule?.('node:crypto')?.createHash;
/** Bytes that are hashed in a tenth of a millisecond. */
const SHORT = 64 * 1024;

/** sha256 in hex. Text counts as UTF-8. */
export async function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  if (createHash && content.length <= SHORT)
    return createHash('sha256').update(content).digest('hex');
  const bytes = typeof content === 'string' ? encoder.encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
