/**
 * API keys as texts: `4m_`, 256 random bits, and a check by which a mistyped key is told from one that was never
 * made without asking the store. A key is stored as its sha256 alone: so many random bits need no slow hash, and
 * looking one up by its hash tells nothing by its time about keys that exist.
 */
import { sha256 } from '../results/content.ts';

const RANDOM_BYTES = 32;
/** Hexadecimal digits of the check. */
const CHECK_LENGTH = 6;
const FORM = /^(4m_[A-Za-z0-9_-]{43})_([0-9a-f]{6})$/;
const ID_LENGTH = 20;

const checkOf = async (body: string): Promise<string> =>
  (await sha256(`4m-edge key ${body}`)).slice(0, CHECK_LENGTH);

/** A new key. Nobody can tell it again: it is shown once. */
export async function createSecret(): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const random = btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
  const body = `4m_${random}`;
  return `${body}_${await checkOf(body)}`;
}

/** sha256 of a key in hex, which names its document; undefined for what can be no key. */
export async function hashOfSecret(secret: string): Promise<string | undefined> {
  const [, body, check] = FORM.exec(secret) ?? [];
  if (body === undefined || check !== (await checkOf(body))) return undefined;
  return await sha256(secret);
}

/** What a key is called where it may be seen. The hash of so many random bits gives nothing of them away. */
export const keyIdOf = (hash: string): string => `key_${hash.slice(0, ID_LENGTH)}`;

/** The first digits of the hash of a key. @returns undefined for what can be no id */
export const hashStartOf = (id: string): string | undefined =>
  new RegExp(`^key_([0-9a-f]{${ID_LENGTH}})$`).exec(id)?.[1];
