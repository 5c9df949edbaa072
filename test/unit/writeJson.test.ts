/** Large JSON in parts: the text is that of `JSON.stringify`, and nobody is held up by it. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { jsonParts, writeJson } from '../../worker/http/writeJson.ts';
import { fc } from '../support/properties.ts';

test('the parts of any value are its JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      assert.equal([...jsonParts(value)].join(''), JSON.stringify(value));
    }),
  );
  const sparse = { a: undefined, b: [undefined, { c: undefined, d: 1 }], e: {}, f: [] };
  assert.equal([...jsonParts(sparse)].join(''), JSON.stringify(sparse));
});

test('an answer of many megabytes arrives whole, and leaves turns to others', async (t) => {
  const outputs = Object.fromEntries(
    ['rgb', 'depth'].map((name) => [
      name,
      Array.from({ length: 16 }, (_, sample) => ({ sample, image: 'x'.repeat(600_000) })),
    ]),
  );
  const value = { id: 'result', outputs };
  let turns = 0;
  const server = createServer(async (_, response) => {
    const timer = setInterval(() => turns++, 1);
    await writeJson(response, value, ['<', '>']);
    clearInterval(timer);
    response.end();
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const text = await (await fetch(`http://127.0.0.1:${port}`)).text();
  assert.equal(text, `<${JSON.stringify(value)}>`);
  assert.ok(turns >= 3, `${turns} turns in between`);
});

test('a reader who leaves ends the writing', async (t) => {
  const value = Array.from({ length: 200 }, () => 'x'.repeat(100_000));
  let written: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    written = resolve;
  });
  const server = createServer(async (_, response) => {
    await writeJson(response, value);
    written();
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}`);
  await response.body?.cancel();
  await ended;
});
