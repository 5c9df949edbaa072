/** Bodies that are no request: for every route that takes one. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import type { Route } from '../../shared/api/route.ts';
import type { Answered, Asked } from './ask.ts';
import { MAX_BODY, type Place, problemIn } from './place.ts';
import type { Valid } from './valid.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const DEEP = 30_000;
const MANY = 15_000;

/** A problem of the caller's making: short, well formed, without a word about our insides. */
export function assertTheirs({ status, headers, text }: Answered, what: string): void {
  const said = `${what}: ${status} ${text.slice(0, 300)}`;
  assert.ok(status >= 400 && status < 500, said);
  assert.ok(text.length < 64_000, said);
  const { detail } = problemIn({ status, headers, text }, said);
  assert.doesNotMatch(detail, /undefined|\[object|\bzod\b|node_modules|\/dist\/|at async/, said);
}

/** JSON that is wrong whatever the schema: name -> text or bytes. */
function wrongJson(valid: object): Record<string, string | Uint8Array> {
  const text = JSON.stringify(valid);
  const inside = text.slice(1, -1);
  const keys = Array.from({ length: MANY }, (_, i) => `"k${i}":1`).join(',');
  return {
    nothing: '',
    'white space': ' \n\t ',
    'a text': '"x"',
    null: 'null',
    'a number': '1e999',
    'a list': '[]',
    'a list of lists': `${'['.repeat(DEEP)}${']'.repeat(DEEP)}`,
    'objects in objects': `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`,
    'an open text': `{${inside},"`,
    'an open object': `{${inside}`,
    'two values': `${text}${text}`,
    'a comment': `/* */${text}`,
    NaN: `{${inside},"x":NaN}`,
    'not UTF-8': Buffer.concat([
      Buffer.from(`{${inside},"`),
      Buffer.from([0xff, 0xfe, 0xc0, 0xaf]),
      Buffer.from('":1}'),
    ]),
    'UTF-16': Buffer.from(text, 'utf16le'),
    'many keys': `{${inside},${keys}}`,
    'a very long key': `{${inside},"${'k'.repeat(120_000)}":1}`,
    'a field that nobody knows': `{${inside},"nobody":1}`,
    __proto__: `{${inside},"__proto__":{"isAdmin":true}}`,
    'an escaped __proto__': `{${inside},"\\u005f_proto__":{"isAdmin":true}}`,
    constructor: `{${inside},"constructor":{"prototype":{"isAdmin":true}}}`,
    'a tenant': `{${inside},"tenant":"other"}`,
  };
}

/** Each field in turn as something else; what fits by chance is answered as a request is. */
function* otherFields(valid: Readonly<Record<string, unknown>>): Generator<[string, string]> {
  const values = [
    'null',
    '[]',
    '{}',
    '""',
    '-1',
    '1e308',
    '1e999',
    '9007199254740993',
    'true',
    '"\\u0000"',
    '"\\ud800"',
    `"${'x'.repeat(150_000)}"`,
    `[${'1,'.repeat(5000)}1]`,
    `${'['.repeat(500)}${']'.repeat(500)}`,
    '{"__proto__":{"x":1}}',
    '{"toString":1}',
    '"constructor"',
    '"../../keys"',
    '"a\\r\\nset-cookie: a=b"',
  ];
  for (const name of Object.keys(valid)) {
    const others = Object.entries(valid).filter(([other]) => other !== name);
    const rest = others.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)},`);
    for (const value of values)
      yield [
        `${name} = ${value.slice(0, 40)}`,
        `{${rest.join('')}${JSON.stringify(name)}:${value}}`,
      ];
    // A name that comes twice: what is looked at has to be what is used.
    yield [
      `${name} twice`,
      `{${rest.join('')}${JSON.stringify(name)}:null,${JSON.stringify(name)}:${JSON.stringify(valid[name])}}`,
    ];
  }
}

/** @param takes which of many are tried */
export async function attackJson(
  place: Place,
  route: Route,
  { asked }: Valid,
  takes = <T>(all: readonly T[]): readonly T[] => all,
): Promise<void> {
  const valid = JSON.parse(String(asked.body)) as Record<string, unknown>;
  const send = (body: string | Uint8Array, headers: object = JSON_TYPE, chunked = false) =>
    place.as(place.keys.one, {
      ...asked,
      body,
      chunked,
      headers: { ...asked.headers, ...headers },
    });
  for (const [what, body] of Object.entries(wrongJson(valid))) {
    const answer = await send(body);
    // A protocol of its own takes fields that it does not know.
    if (!route.isRpc || answer.status >= 300) assertTheirs(answer, `${route.id}: ${what}`);
  }
  for (const [what, body] of takes([...otherFields(valid)])) {
    const answer = await send(body);
    const said = `${route.id} with ${what}: ${answer.status} ${answer.text.slice(0, 300)}`;
    assert.ok(answer.status >= 200 && answer.status < 500, said);
    if (answer.status >= 400) assertTheirs(answer, said);
    assert.equal(answer.headers['set-cookie'], undefined, said);
  }
  const bytes = Buffer.from(JSON.stringify(valid));
  assertTheirs(
    await send(gzipSync(bytes), { ...JSON_TYPE, 'content-encoding': 'gzip' }),
    `${route.id}: gzip`,
  );
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'a',
    '/',
    'application/json2',
    'x'.repeat(5000),
  ])
    assertTheirs(await send(bytes, { 'content-type': type }), `${route.id}: ${type.slice(0, 60)}`);
}

/** Bodies beyond the bound: announced, without a length, and announced without end. */
export async function attackSize(place: Place, route: Route, { asked }: Valid): Promise<void> {
  const large = Buffer.alloc(MAX_BODY + 100_000, 0x20);
  const type = { 'content-type': asked.headers?.['content-type'] ?? 'application/json' };
  for (const chunked of [false, true]) {
    const answer = await place.as(place.keys.one, {
      ...asked,
      body: large,
      chunked,
      headers: { ...asked.headers, ...type },
    });
    const what = `${route.id}: ${chunked ? 'large without a length' : 'large'}`;
    const isBounded = route.request && 'json' in route.request;
    // Files are read as they come: white space may be a file of nothing.
    if (isBounded || answer.status >= 300) assertTheirs(answer, what);
    if (isBounded) assert.equal(answer.status, 413, what);
  }
}

/** Forms: too many parts, parts without end, names and file names that want to be headers or paths. */
export async function attackForm(place: Place, route: Route, { asked }: Valid): Promise<void> {
  const send = (body: string, boundary = 'b') =>
    place.as(place.keys.one, {
      ...asked,
      body,
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    });
  const part = (head: string, value = 'x'): string => `--b\r\n${head}\r\n\r\n${value}\r\n`;
  const field = (name: string, value = 'x'): string =>
    part(`Content-Disposition: form-data; name="${name}"`, value);
  const wrong: Record<string, string> = {
    nothing: '',
    'no part': '--b--\r\n',
    'no end': field('caption'),
    'a part without a name': `${part('Content-Disposition: form-data')}--b--\r\n`,
    'a part without headers': `--b\r\n\r\nx\r\n--b--\r\n`,
    'headers without end': `--b\r\n${'a: b\r\n'.repeat(20_000)}`,
    'many parts': `${Array.from({ length: 2000 }, (_, i) => field(`f${i}`)).join('')}--b--\r\n`,
    'a long name': `${field('n'.repeat(7000))}--b--\r\n`,
    'line ends in a name': `${field('a%0d%0aset-cookie: a=b')}--b--\r\n`,
    __proto__: `${field('__proto__')}--b--\r\n`,
    'a file called as a path': `${part('Content-Disposition: form-data; name="rgb"; filename="../../../etc/passwd"')}--b--\r\n`,
    'a request in a request': `${field('request', '{"request":"{}"}')}--b--\r\n`,
    'deep JSON in a field': `${field('targets', '['.repeat(50_000))}--b--\r\n`,
    'a boundary within': `${field('caption', '\r\n--b-\r\n--bb\r\n')}${field('nobody_knows')}--b--\r\n`,
  };
  for (const [what, body] of Object.entries(wrong)) {
    const answer = await send(body);
    assertTheirs(answer, `${route.id} form: ${what}`);
    assert.equal(answer.headers['set-cookie'], undefined, what);
  }
  assertTheirs(await send(`${field('caption')}--b--\r\n`, 'x'.repeat(200)), 'a long boundary');
}

/** Names of an idempotent request. */
export async function attackIdempotency(
  place: Place,
  route: Route,
  { asked }: Valid,
): Promise<void> {
  const send = (key: string, more: Partial<Asked> = {}) =>
    place.as(place.keys.one, {
      ...asked,
      ...more,
      headers: { ...asked.headers, 'idempotency-key': key },
    });
  for (const key of [
    '',
    '""',
    '"a',
    'x'.repeat(300),
    '../../keys',
    'a"b',
    '__proto__',
    '\u00e9',
    'a, b',
  ])
    assert.ok((await send(key)).status < 500, `${route.id} ${key.slice(0, 20)}`);
}
