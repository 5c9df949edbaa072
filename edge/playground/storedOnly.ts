/** A client for what is stored: nothing is computed, and nothing charged. */
import { createClient } from '../../shared/client/index.ts';
import { storedKey } from './key.ts';

export const storedOnly = createClient({
  baseUrl: location.origin,
  apiKey: storedKey,
  retries: 0,
  fetch: (url, init) => {
    const asked = new Headers(init?.headers);
    asked.set('cache-control', 'only-if-cached');
    return fetch(url, { ...init, headers: asked });
  },
});
