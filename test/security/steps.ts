/** Names in paths and queries that want to be paths of the store, headers, or something to JavaScript. */
import assert from 'node:assert/strict';
import type { Route } from '../../shared/api/route.ts';
import { type Answered, converse, statusesIn } from './ask.ts';
import { type Place, problemIn } from './place.ts';
import type { Valid } from './valid.ts';

/** As they stand in the path, escaped or not. */
export const HOSTILE_STEPS: readonly string[] = [
  '..',
  '.',
  '%2e%2e',
  '%2e%2e%2f%2e%2e%2fkeys',
  '..%2f..%2f..%2f..%2fetc%2fpasswd',
  '..%5c..%5ckeys',
  '%252e%252e%252fkeys',
  '..%c0%af..%c0%afkeys',
  '%c0%ae%c0%ae',
  '%00',
  'x%00.json',
  '%0d%0aset-cookie:%20a=b',
  '%0a',
  '%e2%80%ae',
  '%ef%bc%8e%ef%bc%8e%ef%bc%8f',
  '%ff%fe',
  '%zz',
  '%',
  '%u002e',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '%7B%7D',
  '*',
  '%3f',
  '%23',
  '%3bjsessionid=1',
  "'%20or%201=1--",
  '$%7Bjndi:ldap:%7D',
  '%3Cscript%3E',
  'C:',
  'nul',
  'a'.repeat(5000),
  '%41'.repeat(2000),
  'keys%2f..%2fkeys',
  'sha256:..%2f..%2f',
  `job_${'0'.repeat(21)}%2f..`,
];

/** What the store's own files say, and no answer may. */
const INSIDE = /"scopes"|"format":1,"id":"key_|root:x:0/;

function assertRefused(answer: Answered, what: string): void {
  const said = `${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
  assert.ok(answer.status >= 400 && answer.status < 500, said);
  problemIn(answer, said);
  assert.ok(answer.text.length < 16_000, said);
  assert.doesNotMatch(answer.text, INSIDE, said);
  assert.equal(answer.headers['set-cookie'], undefined, said);
}

/** The path with one of its steps replaced, as it is. */
function replaced({ path }: Route, steps: Valid['steps'], name: string, hostile: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, step: string) =>
    step === name ? hostile : encodeURIComponent(steps[step] ?? ''),
  );
}

export async function attackSteps(
  place: Place,
  route: Route,
  valid: Valid,
  tried = HOSTILE_STEPS,
): Promise<void> {
  for (const name of Object.keys(valid.steps)) {
    for (const hostile of tried) {
      const path = replaced(route, valid.steps, name, hostile);
      const answer = await place.as(place.keys.one, { ...valid.asked, path });
      // What is left of a path that is normalised before it is sent may be another route's.
      const what = `${route.id} {${name}} = ${hostile.slice(0, 60)}`;
      const isOther = /^(\.|%2e){1,2}$/i.test(hostile);
      // Something may be called as JavaScript calls things of its own.
      const isName = /^[A-Za-z]{1,64}$/.test(hostile);
      if ((isOther || isName) && answer.status < 400)
        assert.doesNotMatch(answer.text, INSIDE, what);
      else assertRefused(answer, what);
    }
  }
}

/** What no client of Node sends: the bytes themselves. */
export async function attackRawSteps(place: Place, route: Route, valid: Valid): Promise<void> {
  for (const name of Object.keys(valid.steps)) {
    for (const hostile of ['\xff\xfe', 'a b', 'a\tb', '\\..\\..\\keys', '"<>^`{|}']) {
      const path = replaced(route, valid.steps, name, hostile);
      const said = await converse(place.url, [
        `${route.method} ${path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${place.keys.one}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      ]);
      const [status = 0] = statusesIn(said);
      const what = `${route.id} {${name}} = ${JSON.stringify(hostile)}: ${said.slice(0, 300)}`;
      assert.ok(status >= 400 && status < 500, what);
      assert.doesNotMatch(said, INSIDE, what);
    }
  }
}

const HOSTILE_VALUES: readonly string[] = [
  '',
  '%00',
  '..%2f..%2fkeys',
  '__proto__',
  '-1',
  '0',
  '1e999',
  '9'.repeat(400),
  'NaN',
  'null',
  '%f0%9f%98%80',
  '%ff',
  'a%0d%0aset-cookie:%20a=b',
  "'%20or%20''='",
  'a'.repeat(6000),
];

/** Every parameter of the query, twice, empty, hostile; and some that nobody knows. */
export async function attackQuery(place: Place, route: Route, { asked }: Valid) {
  const known = (route.query ?? []).map(({ name }) => name);
  for (const name of [...known, 'nobody', '__proto__', 'a[b]']) {
    // What nobody reads is tried with little.
    for (const value of known.includes(name) ? HOSTILE_VALUES : HOSTILE_VALUES.slice(1, 3)) {
      const path = `${asked.path}?${name}=${value}&${name}=${value}`;
      const answer = await place.as(place.keys.one, { ...asked, path });
      const said = `${route.id} ?${name}=${value.slice(0, 60)}: ${answer.status} ${answer.text.slice(0, 300)}`;
      assert.ok(answer.status >= 200 && answer.status < 500, said);
      if (answer.status >= 400) assertRefused(answer, said);
      else assert.doesNotMatch(answer.text, INSIDE, said);
      assert.equal(answer.headers['set-cookie'], undefined, said);
    }
  }
}
