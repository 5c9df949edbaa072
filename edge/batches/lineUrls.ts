/** What lines of a batch may ask: a batch opens no address that the key which sends it does not open by itself. */
import { BATCH_URLS, type BatchUrl } from '../../shared/api/batches.ts';
import { refusal } from '../../shared/api/problem.ts';
import { type Route, scopeOf } from '../../shared/api/route.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { allows, type KeyDocument } from '../../shared/keys/documents.ts';

const routes: readonly Route[] = Object.values(ROUTES);
const scopeOfUrl = (url: BatchUrl) => {
  const route = routes.find(({ method, path }) => method === 'POST' && path === url);
  return route && scopeOf(route);
};

/**
 * Undefined where they may ask every address.
 * @param endpoint that every line has to ask, where it is named
 * @throws FailureError `insufficient_scope` where they may ask none
 */
export function lineUrlsOf(
  key: KeyDocument | undefined,
  endpoint: BatchUrl | undefined,
): BatchUrl[] | undefined {
  const opens = (url: BatchUrl): boolean => {
    const scope = scopeOfUrl(url);
    return !key || scope === undefined || allows(key, scope);
  };
  const asked = endpoint ? [endpoint] : BATCH_URLS;
  if (asked.every(opens)) return undefined;
  const open = asked.filter(opens);
  if (open.length > 0) return open;
  const scopes = [...new Set(asked.map(scopeOfUrl))].join(', ');
  const detail = `lines need the scope of the address that they ask, and the key has none of ${scopes}`;
  throw refusal('insufficient_scope', detail);
}
