/** What the memory and disk stores share: content etags and one page of a listing. */
import type { ListPage } from './store.ts';

/** Keys of one page; S3's own bound. */
export const PAGE_SIZE = 1000;

/** sha256 of the bytes, quoted: strong, and equal for equal bytes. */
export async function contentEtag(body: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
  return `"${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}"`;
}

/** The page of `keys` (any order) after `cursor`, the last key of the page before. */
export function pageOf(keys: Iterable<string>, prefix: string, cursor = ''): ListPage {
  const following = [...keys].filter((key) => key.startsWith(prefix) && key > cursor).sort();
  const page = following.slice(0, PAGE_SIZE);
  return following.length > page.length ? { keys: page, cursor: page.at(-1)! } : { keys: page };
}
