/** Lines of a batch: which are requests, what is said of the others, and how answers are written. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLimiter, inOrder } from '../../worker/batches/inOrder.ts';
import {
  answerLine,
  errorLine,
  type LineError,
  linesOf,
  readLine,
} from '../../worker/batches/lines.ts';
import { fc } from '../support/properties.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const text = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString();
const read = (line: string, endpoint?: '/v1/embed') =>
  readLine({ number: 1, bytes: bytes(line) }, { endpoint });

test('lines have the numbers of the file; blank ones are passed over, and the last needs no end', () => {
  const found = [...linesOf(bytes('{"a":1}\r\n\n  \n{"b":2}'), 7)];
  assert.deepEqual(
    found.map(({ number, bytes: own }) => [number, Buffer.from(own).toString()]),
    [
      [7, '{"a":1}\r'],
      [10, '{"b":2}'],
    ],
  );
});

test('a request keeps its body to the value, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (body) => {
      const line = { custom_id: 'x', method: 'POST', url: '/v1/embed', body };
      const found = await read(JSON.stringify(line), '/v1/embed');
      assert.ok(found.ok);
      assert.deepEqual(JSON.parse(text([found.request.body])), JSON.parse(JSON.stringify(body)));
    }),
    { numRuns: 100 },
  );
});

test('what is no request says why, and whose it is where that can be told', async () => {
  const good = { custom_id: 'x', method: 'POST', url: '/v1/embed', body: {} };
  const cases: [string, RegExp, string | null, string][] = [
    ['{"custom_id":', /not valid JSON/, null, 'invalid_json'],
    ['[]', /must be an object/, null, 'invalid_request'],
    ['7', /must be an object/, null, 'invalid_request'],
    [JSON.stringify({ ...good, custom_id: '' }), /custom_id/, '', 'invalid_request'],
    [JSON.stringify({ ...good, custom_id: 7 }), /custom_id/, null, 'invalid_request'],
    [JSON.stringify({ ...good, method: 'GET' }), /method/, 'x', 'invalid_request'],
    [JSON.stringify({ ...good, url: '/v1/models' }), /url must be one of/, 'x', 'invalid_request'],
    [JSON.stringify({ ...good, url: '/v1/classify' }), /endpoint/, 'x', 'invalid_request'],
    [JSON.stringify({ ...good, body: [] }), /body must be an object/, 'x', 'invalid_request'],
    [JSON.stringify({ ...good, priority: 1 }), /priority is not a field/, 'x', 'invalid_request'],
    [JSON.stringify({ ...good, body: { a: Array(300_001).fill(1) } }), /values/, null, 'too_large'],
  ];
  for (const [line, message, customId, code] of cases) {
    const found = await read(line, '/v1/embed');
    assert.ok(!found.ok, line.slice(0, 100));
    assert.match(found.error.message, message);
    assert.deepEqual([found.error.customId, found.error.code], [customId, code]);
  }
  const bad = await readLine({ number: 1, bytes: new Uint8Array([0x7b, 0xff]) }, {});
  assert.ok(!bad.ok && bad.error.code === 'invalid_json');
  const deep = await read(`{"custom_id":"x","body":${'['.repeat(90_000)}${']'.repeat(90_000)}}`);
  assert.ok(!deep.ok);
});

test('a line asks no address that the key of its batch does not open', async () => {
  const asked = async (url: string) => {
    const line = JSON.stringify({ custom_id: 'x', method: 'POST', url, body: {} });
    return await readLine({ number: 1, bytes: bytes(line) }, { urls: ['/v1/embed'] });
  };
  assert.ok((await asked('/v1/embed')).ok);
  const refused = await asked('/v1/generate');
  assert.ok(!refused.ok);
  assert.deepEqual([refused.error.customId, refused.error.code], ['x', 'insufficient_scope']);
  assert.match(refused.error.message, /the scope that \/v1\/generate needs/);
});

test('an answer is a line of JSON with the body as it came', () => {
  const answer = { status: 200, requestId: 'r', body: bytes('{"outputs":{"a":[1.0]}}') };
  const line = text(answerLine('batch-1', 'my "id"\n', answer));
  assert.ok(line.endsWith('\n') && !line.slice(0, -1).includes('\n'));
  assert.ok(line.includes('"body":{"outputs":{"a":[1.0]}}'));
  assert.deepEqual(JSON.parse(line), {
    id: 'batch-1',
    custom_id: 'my "id"\n',
    response: { status_code: 200, request_id: 'r', body: { outputs: { a: [1] } } },
    error: null,
  });
  const error: LineError = { customId: null, code: 'invalid_json', message: 'why' };
  assert.deepEqual(JSON.parse(text(errorLine('batch-2', 2, error))), {
    id: 'batch-2',
    custom_id: null,
    response: null,
    error: { code: 'invalid_json', message: 'why', line: 2 },
  });
});

test('results come in order, with a bound on those under way, and errors end it when all have ended', async () => {
  const delays = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(delays, fc.integer({ min: 1, max: 6 }), async (given, most) => {
      let [under, highest] = [0, 0];
      const results: number[] = [];
      async function* items() {
        yield* given.entries();
      }
      const work = async ([index, delay]: [number, number]) => {
        highest = Math.max(highest, ++under);
        await new Promise((resolve) => setTimeout(resolve, delay));
        under--;
        return index;
      };
      for await (const result of inOrder(items(), most, work)) results.push(result);
      assert.deepEqual(results, [...given.keys()]);
      assert.ok(highest <= most);
    }),
    { numRuns: 30 },
  );
  let ended = 0;
  async function* three() {
    yield* [1, 2, 3];
  }
  const failing = async (n: number) => {
    if (n === 1) throw new Error('no');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return ended++;
  };
  await assert.rejects(async () => {
    for await (const _ of inOrder(three(), 3, failing)) assert.fail();
  }, /no/);
  assert.equal(ended, 2);
});

test('a limiter lets so many in, in turn, and who leaves while waiting takes no place', async () => {
  const limiter = createLimiter(2);
  const never = new AbortController().signal;
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const enter = (name: string, signal = never) =>
    limiter.run(() => {
      order.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    }, signal);
  const leaving = new AbortController();
  const all = [enter('a'), enter('b'), enter('c', leaving.signal), enter('d')];
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(order, ['a', 'b']);
  leaving.abort(new Error('gone'));
  await assert.rejects(all[2] as Promise<void>, /gone/);
  ends[0]?.();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(order, ['a', 'b', 'd']);
  for (const end of ends) end();
  await Promise.all([all[0], all[1]]);
  ends[2]?.();
  await all[3];
});
