/** Secrets at rest: AES-256-GCM under a key that the operator keeps outside of the store. */
import * as z from 'zod';
import { fromBase64, toBase64 } from '../base64.ts';

const KEY_BYTES = 32;
const IV_BYTES = 12;

/** Encrypts and decrypts texts of one key. */
export interface Sealing {
  /** @param place what the text belongs to: it can be opened there alone */
  seal(text: string, place: string): Promise<string>;
  /** @throws Error where it was sealed under another key, or for another place */
  open(sealed: string, place: string): Promise<string>;
}

/** Whether a text is a key: 32 bytes in base64. */
export function isSealingKey(text: string): boolean {
  try {
    return fromBase64(text).length === KEY_BYTES;
  } catch {
    return false;
  }
}

/** The setting with the key; an empty variable counts as absent. */
export const sealingKeySetting = z
  .string()
  .optional()
  .transform((text) => (text === '' ? undefined : text))
  .refine((text) => text === undefined || isSealingKey(text), 'has to be 32 bytes in base64');

/** @param key as `isSealingKey` has it */
export function createSealing(key: string): Sealing {
  const imported = crypto.subtle.importKey('raw', fromBase64(key), 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  const how = (iv: Uint8Array<ArrayBuffer>, place: string) => ({
    name: 'AES-GCM',
    iv,
    additionalData: new TextEncoder().encode(place),
  });
  return {
    async seal(text, place) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const bytes = new TextEncoder().encode(text);
      const sealed = await crypto.subtle.encrypt(how(iv, place), await imported, bytes);
      const all = new Uint8Array(IV_BYTES + sealed.byteLength);
      all.set(iv);
      all.set(new Uint8Array(sealed), IV_BYTES);
      return toBase64(all);
    },
    async open(sealed, place) {
      const all = fromBase64(sealed);
      const [iv, bytes] = [all.slice(0, IV_BYTES), all.slice(IV_BYTES)];
      try {
        const opened = await crypto.subtle.decrypt(how(iv, place), await imported, bytes);
        return new TextDecoder().decode(opened);
      } catch (cause) {
        const message =
          'a stored secret does not open under FOURM_SECRETS_KEY; it was sealed under another key';
        throw new Error(message, { cause });
      }
    },
  };
}
