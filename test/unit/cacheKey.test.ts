import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { generateRequestSchema } from '../../shared/api/generate.ts';
import { canonicalJson, generateKey, sha256 } from '../../shared/cacheKey.ts';

const model = { id: 'm', digest: 'abc' };
const request = (body: object) =>
  generateRequestSchema.parse({ inputs: { caption: 'x' }, targets: ['depth', 'rgb'], ...body });
const id = async (body: object, of = model) => (await generateKey(of, request(body))).id;

test('sha256 is that of node:crypto', async () => {
  const expected = createHash('sha256').update('größe').digest('hex');
  assert.equal(await sha256('größe'), expected);
});

test('canonical JSON: order of keys and absent fields do not matter, values do', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      // -0 is 0 in JSON.
      const plain = JSON.parse(JSON.stringify(value));
      const reversed = Object.fromEntries(Object.entries(plain).reverse());
      assert.equal(canonicalJson(reversed), canonicalJson({ ...plain }));
      assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
    }),
  );
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: undefined }], a: 'x' }),
    '{"a":"x","b":[1,{"d":null}]}',
  );
  assert.throws(() => canonicalJson({ a: Number.NaN }), /no form/);
});

test('the key of a known request, written out by hand', async () => {
  const { id, seed } = await generateKey(model, request({}));
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const written = (chosen: number | null): string =>
    hash(
      `{"chained":true,"inputs":{"caption":{"kind":"text","sha256":"${hash('x')}"}},` +
        '"model":{"digest":"abc","id":"m"},"num_samples":1,"seed":' +
        `${chosen},"targets":[{"modality":"depth"},{"modality":"rgb"}],"task":"generate","version":1}`,
    );
  assert.equal(seed, Number.parseInt(written(null).slice(0, 8), 16));
  assert.equal(id, written(seed));
});

test('defaults written out, and the derived seed, give the same key', async () => {
  const { id: plain, seed } = await generateKey(model, request({}));
  assert.equal(await id({ chained: true, num_samples: 1, model: 'm' }), plain);
  assert.equal(await id({ targets: [{ modality: 'depth' }, 'rgb'] }), plain);
  assert.equal(await id({ inputs: { caption: { text: 'x' } } }), plain);
  assert.equal(await id({ seed }), plain);
});

test('everything that changes the result changes the key', async () => {
  const ids = await Promise.all([
    id({}),
    id({}, { id: 'm', digest: 'abd' }),
    id({}, { id: 'n', digest: 'abc' }),
    id({ targets: ['rgb', 'depth'] }),
    id({ targets: ['depth'] }),
    id({ targets: [{ modality: 'depth', steps: 3 }, 'rgb'] }),
    id({ chained: false }),
    id({ num_samples: 2 }),
    id({ seed: 1 }),
    id({ inputs: { caption: 'y' } }),
    id({ inputs: { rgb: 'x' } }),
    id({ inputs: { caption: { data: btoa('x') } } }),
    id({ inputs: { caption: { tokens: [1] } } }),
    id({ inputs: { caption: { tokens: [1, 2] } } }),
  ]);
  assert.equal(new Set(ids).size, ids.length);
});

test('a random seed is drawn, and found again only by the seed that was drawn', async () => {
  const plain = await generateKey(model, request({}));
  const drawn = await generateKey(model, request({ seed: 'random' }), () => 42);
  assert.equal(drawn.seed, 42);
  assert.notEqual(drawn.id, plain.id);
  assert.equal(drawn.id, await id({ seed: 42 }));
});
