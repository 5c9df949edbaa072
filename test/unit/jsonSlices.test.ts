/** Large JSON in slices is what `JSON.stringify` and `JSON.parse` make of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeUtf8, readJson, writeJson } from '../../shared/json.ts';
import { fc } from '../support/properties.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const picture = (bytes: number): string =>
  `data:image/png;base64,${Buffer.alloc(bytes, 'pixels').toString('base64')}`;
/** As large as a result of many samples. */
const LARGE = {
  outputs: {
    depth: Array.from({ length: 16 }, (_, sample) => ({
      sample,
      tokens: [1, 2, 3],
      image: picture(60_000 + sample),
      text: `"quoted\\" and \\\\ ${'ä\n'.repeat(5000)}`,
      absent: undefined,
      value: [{ deep: [{ deeper: [{ deepest: [null, undefined, 'x'.repeat(9000)] }] }] }],
    })),
  },
  [`key ${'k'.repeat(9000)}`]: picture(30_000),
  labels: ['a', picture(9000), 'b'],
};

test('large values are written and read as JSON.stringify and JSON.parse do it', async () => {
  const expected = JSON.stringify(LARGE);
  const written = await writeJson(LARGE);
  assert.ok(written.length > 1_000_000);
  assert.equal(text(written), expected);
  assert.deepEqual(await readJson(await decodeUtf8(written)), JSON.parse(expected));
  const spaced = JSON.stringify(LARGE, null, 3);
  assert.deepEqual(await readJson(spaced), JSON.parse(spaced));
});

test('any value is written as JSON.stringify writes it, and read back', async () => {
  const long = 'l'.repeat(300_000);
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 7 }), async (any) => {
      const value = JSON.parse(JSON.stringify(any));
      assert.equal(text(await writeJson(value)), JSON.stringify(value));
      // The long text makes it read in slices.
      const json = JSON.stringify([value, long, { value }]);
      assert.deepEqual(await readJson(json), JSON.parse(json));
    }),
  );
});

test('what is no JSON is refused, however large', async () => {
  const json = JSON.stringify(LARGE);
  for (const broken of [json.slice(0, -1), json.slice(0, 500_001), `${json}"`, `${json},`]) {
    await assert.rejects(readJson(broken), SyntaxError);
  }
  await assert.rejects(decodeUtf8(new Uint8Array(600_000).fill(0xff)), TypeError);
  const cut = new TextEncoder().encode('ä'.repeat(300_000)).subarray(0, -1);
  await assert.rejects(decodeUtf8(cut), TypeError);
});

test('other work gets its turn while much is read and written', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const json = await decodeUtf8(await writeJson({ all: Array.from({ length: 8 }, () => LARGE) }));
  await readJson(json);
  clearInterval(timer);
  assert.ok(turns > 5, `${turns} turns`);
});
