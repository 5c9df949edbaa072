/** Keys: none, malformed, wrong, over; and of the wrong scope. Every route that needs one refuses all of them. */
import assert from 'node:assert/strict';
import { scopeOf } from '../../shared/api/route.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createMemoryStore } from '../../shared/store/memory.ts';
import type { Answered, Asked } from './ask.ts';
import { assertProblem, type Place, problemIn } from './place.ts';
import { routes } from './valid.ts';

/** A key of the right form that nobody was given. */
export async function strangeKey(): Promise<string> {
  const about = { tenant: 'one', name: '', scopes: ['*'], limits: {}, created: 0 };
  return (await createKeyStore(createMemoryStore()).create(about)).secret;
}

/** What stands in `Authorization`, by what is wrong with it. */
export async function wrongKeys({ keys }: Place): Promise<Record<string, string | undefined>> {
  const { one } = keys;
  return {
    'no key': undefined,
    'an empty header': '',
    'a scheme alone': 'Bearer',
    'a scheme and spaces': `Bearer ${' '.repeat(4000)}`,
    'the key alone': one,
    'another scheme': `Basic ${Buffer.from(`${one}:`).toString('base64')}`,
    'a key in quotes': `Bearer "${one}"`,
    'two keys': `Bearer ${one}, Bearer ${one}`,
    'a key and more': `Bearer ${one} x`,
    'a key cut short': `Bearer ${one.slice(0, -1)}`,
    'a key with one letter changed': `Bearer ${one.slice(0, 10)}${one[10] === 'A' ? 'B' : 'A'}${one.slice(11)}`,
    'a key in capitals': `Bearer ${one.toUpperCase()}`,
    'the hash of a key': `Bearer ${'a'.repeat(64)}`,
    'a path': 'Bearer ../../keys/x',
    'a name of JavaScript': 'Bearer __proto__',
    'a very long key': `Bearer 4m_${'A'.repeat(7000)}`,
    'a key that nobody was given': `Bearer ${await strangeKey()}`,
    'an expired key': `Bearer ${keys.expired}`,
    'a revoked key': `Bearer ${keys.revoked}`,
  };
}

/** Refused as a stranger is, without a word about keys that exist. */
function assertStranger(answer: Answered, what: string, secret: string): void {
  assertProblem(answer, 'unauthorized', what);
  assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer realm=/, what);
  assert.ok(answer.text.length < 2000 && !answer.text.includes(secret.slice(3, 20)), what);
}

/** Sends a valid request with every wrong key. */
export async function attackWithKeys(place: Place, id: string, asked: Asked): Promise<void> {
  const route = routes.find((candidate) => candidate.id === id) ?? assert.fail(id);
  const scope = scopeOf(route);
  if (scope === undefined) return;
  for (const [what, authorization] of Object.entries(await wrongKeys(place))) {
    const headers = { ...asked.headers, ...(authorization !== undefined && { authorization }) };
    const answer = await place.as(null, { ...asked, headers });
    assertStranger(answer, `${id} with ${what}`, place.keys.one);
  }
  // The query and the body are no place for a key.
  const query = `${asked.path}${asked.path.includes('?') ? '&' : '?'}key=${place.keys.one}&access_token=${place.keys.one}`;
  assertStranger(await place.as(null, { ...asked, path: query }), id, place.keys.one);
  const narrow = await place.as(place.keys.narrow, asked);
  const { code, detail } = problemIn(narrow, id);
  assert.equal(code, 'insufficient_scope', id);
  assert.ok(detail.includes(scope), detail);
  assert.ok(narrow.headers['www-authenticate']?.includes(`scope="${scope}"`), id);
}
