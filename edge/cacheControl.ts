/** What a caller asks of stored results: `Cache-Control` of requests (RFC 9111, section 5.2.1). */

import { elementsOf } from './listHeader.ts';

/** A result never changes, so `max-stale` and `min-fresh` are always met. */
export interface CacheWishes {
  /** A stored result may be answered: no `no-cache`, `no-store` or `max-age=0`. */
  readonly mayReuse: boolean;
  /** What is computed may be stored: no `no-store`. */
  readonly mayStore: boolean;
  /** A stored result is at most so old. */
  readonly maxAgeSeconds: number;
  /** Nothing is computed. */
  readonly onlyStored: boolean;
}

/** @param header undefined when the request has none. An argument that is no number counts as 0. */
export function readCacheControl(header: string | undefined): CacheWishes {
  // Of a directive that comes twice the last one counts.
  const directives = new Map(elementsOf(header ?? '').map(({ name, value }) => [name, value]));
  const maxAge = directives.get('max-age');
  const seconds = maxAge === undefined ? Number.POSITIVE_INFINITY : Number.parseInt(maxAge, 10);
  const maxAgeSeconds = Number.isNaN(seconds) ? 0 : seconds;
  const mayStore = !directives.has('no-store');
  return {
    mayStore,
    mayReuse: mayStore && !directives.has('no-cache') && maxAgeSeconds > 0,
    maxAgeSeconds,
    onlyStored: directives.has('only-if-cached'),
  };
}
