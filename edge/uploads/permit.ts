/**
 * Addresses of ours that need no further authentication, for a while: what they allow is in them, signed. They
 * stand in for the signed addresses of an S3 server where the store is none.
 */
import * as z from 'zod';
import { fromBase64 } from '../../shared/base64.ts';

const permitSchema = z.object({
  do: z.enum(['get', 'put']),
  /** Of a blob. */
  key: z.string(),
  content_type: z.string(),
  /** Bytes; of what is sent: exactly so many where it was announced, otherwise at most. */
  size: z.number().optional(),
  most: z.number().optional(),
  /** Unix seconds. */
  expires: z.number(),
});
/** What an address allows. */
export type Permit = z.infer<typeof permitSchema>;

export interface Permits {
  /** As it stands in an address. */
  write(permit: Permit): Promise<string>;
  /** `forged` for what was not signed here, `expired` for what was and is over. */
  read(text: string): Promise<Permit | 'forged' | 'expired'>;
}

const encoder = new TextEncoder();
/** Longer ones are not looked at. */
const MOST_CHARACTERS = 2048;

const urlSafe = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
const fromUrlSafe = (text: string): Uint8Array<ArrayBuffer> =>
  fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'));

/**
 * @param secret of the edges and their workers; where there is none, addresses hold as long as this process
 * @param now unix milliseconds
 */
export function createPermits(secret: string | undefined, now: () => number = Date.now): Permits {
  const raw = secret ?? crypto.randomUUID() + crypto.randomUUID();
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  let key: Promise<CryptoKey> | undefined;
  /** A key of its own, so that nothing else that is signed with the secret is an address. */
  const keyOf = (): Promise<CryptoKey> => {
    key ??= crypto.subtle.importKey('raw', encoder.encode(`4m-link-1\n${raw}`), algorithm, false, [
      'sign',
      'verify',
    ]);
    return key;
  };
  return {
    async write(permit) {
      const body = urlSafe(encoder.encode(JSON.stringify(permit)));
      const signature = await crypto.subtle.sign('HMAC', await keyOf(), encoder.encode(body));
      return `${body}.${urlSafe(new Uint8Array(signature))}`;
    },
    async read(text) {
      const [body = '', signature = '', ...more] = text.split('.');
      if (text.length > MOST_CHARACTERS || more.length > 0) return 'forged';
      try {
        const bytes = fromUrlSafe(signature);
        const signed = encoder.encode(body);
        if (!(await crypto.subtle.verify('HMAC', await keyOf(), bytes, signed))) return 'forged';
        const permit = permitSchema.parse(JSON.parse(new TextDecoder().decode(fromUrlSafe(body))));
        return permit.expires * 1000 > now() ? permit : 'expired';
      } catch {
        return 'forged';
      }
    },
  };
}
