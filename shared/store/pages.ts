/** One page of a listing, for places that know all their keys. */
import type { ListPage } from './store.ts';

/** Keys of one page; S3's own bound. */
export const PAGE_SIZE = 1000;

/** The page of `keys` (any order) after `cursor`, the last key of the page before. */
export function pageOf(keys: Iterable<string>, prefix: string, cursor = ''): ListPage {
  const following = [...keys].filter((key) => key.startsWith(prefix) && key > cursor).sort();
  const page = following.slice(0, PAGE_SIZE);
  const last = page.at(-1);
  return following.length > page.length && last !== undefined
    ? { keys: page, cursor: last }
    : { keys: page };
}
