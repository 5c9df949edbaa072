/** Collections through the whole product, and a worker that is killed while it writes. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Client, createClient, ProblemError } from '../../shared/client/index.ts';
import { writeNpy } from '../../worker/values/npy.ts';
import { killWriters } from '../bench/retrieve/kills.ts';
import { exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { type Product, startProduct } from '../support/product.ts';
import { REPOSITORY } from '../support/shared.ts';

const skip = skipWithoutDemo();
let folder: string;
let product: Product;
let client: Client;

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), 'fourm-e2e-collections-'));
  product = await startProduct(join(folder, 'data'));
  client = createClient({ baseUrl: product.url });
});
after(async () => {
  await product?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const scene = async (i: number): Promise<string> => {
  const bytes = await readFile(join(REPOSITORY, 'examples', `scene-${i}.png`));
  return `data:image/png;base64,${bytes.toString('base64')}`;
};
const problemOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  assert.ok(error instanceof ProblemError, String(error));
  return error.problem;
};

test('pictures are found by what the model predicts of inputs, as embed predicts it', {
  skip,
}, async () => {
  const made = await client.createCollection({
    name: 'scenes',
    embedding: { kind: 'target', target: 'scene_global' },
    metadata: { number: { type: 'integer' } },
  });
  assert.equal(made.dimensions, 54);
  const pictures = await Promise.all([1, 2, 3, 4].map(scene));
  const items = pictures.map((rgb, i) => ({
    id: `scene ${i + 1}`,
    inputs: { rgb },
    metadata: { number: i + 1 },
  }));
  const expectedCost = await client.addItems('scenes', items, { dryRun: true });
  assert.equal((await client.collection('scenes')).count, 0);
  const kept = await client.addItems('scenes', items);
  assert.deepEqual(
    [expectedCost, kept],
    [
      { dry_run: true, items: 0, usage: kept.usage, exact: true },
      { items: 4, usage: kept.usage, model: kept.model },
    ],
  );
  assert.equal(kept.model?.licence, 'Apache-2.0');
  const inputs = { caption: 'a large red sphere left of a small blue box' };
  const { results, explain } = await client.search('scenes', { inputs, k: 4, explain: true });
  // The embed route is another way to the same vectors.
  const embedded = await client.embed({
    target: 'scene_global',
    items: [{ inputs }, ...pictures.map((rgb) => ({ inputs: { rgb } }))],
  });
  // The worker counts passes as it runs them; the plan knew them.
  const { usage } = await client.search('scenes', { inputs, dry_run: true });
  const { encoder_passes, decoder_passes, units } = embedded.usage;
  assert.deepEqual(
    [
      usage.encoder_passes + kept.usage.encoder_passes,
      usage.decoder_passes + kept.usage.decoder_passes,
      usage.units + kept.usage.units,
    ],
    [encoder_passes, decoder_passes, units],
  );
  const vectors = embedded.items.map(({ embedding }) => embedding?.values as number[]);
  const expected = vectors.slice(1).map((vector, i) => ({
    id: `scene ${i + 1}`,
    score: vector.reduce((sum, x, d) => sum + x * vectors[0]![d]!, 0),
  }));
  expected.sort((a, b) => b.score - a.score);
  assert.deepEqual(
    results.map(({ id }) => id),
    expected.map(({ id }) => id),
  );
  for (const [i, { score }] of results.entries())
    assert.ok(Math.abs(score - expected[i]!.score) < 1e-4, `${score} ${expected[i]!.score}`);
  assert.equal(explain?.parts[0]?.tokens?.length, 16);

  const [own] = (await client.search('scenes', { inputs: { rgb: pictures[2]! }, k: 1 })).results;
  assert.ok(own?.id === 'scene 3' && own.score > 0.999);
  const pushed = await client.search('scenes', {
    mix: [
      { item: 'scene 1' },
      { inputs: { rgb: pictures[0]! }, weight: -0.5 },
      { item: 'scene 2' },
    ],
    filter: { field: 'number', lte: 2 },
  });
  assert.deepEqual(
    pushed.results.map(({ id }) => id),
    ['scene 2', 'scene 1'],
  );
});

test('a call with one bad item keeps none, and names it', { skip }, async () => {
  const rgb = await scene(1);
  const before = (await client.collection('scenes')).count;
  const bad = await problemOf(
    client.addItems('scenes', [
      { id: 'new', inputs: { rgb } },
      { id: 'other', inputs: { nothing: 'x' } },
    ]),
  );
  assert.deepEqual(
    [bad.code, bad.errors?.[0]?.pointer],
    ['unknown_modality', '/items/1/inputs/nothing'],
  );
  const broken = {
    id: 'other',
    inputs: { rgb: `data:image/png;base64,${btoa('\x89PNG\r\n\x1a\nno')}` },
  };
  const unreadable = await problemOf(
    client.addItems('scenes', [{ id: 'new', inputs: { rgb } }, broken]),
  );
  assert.deepEqual(
    [unreadable.code, unreadable.errors?.[0]?.pointer],
    ['invalid_image', '/items/1/inputs/rgb'],
  );
  const twice = await problemOf(
    client.addItems('scenes', [
      { id: 'new', inputs: { rgb } },
      { id: 'new', inputs: { rgb } },
    ]),
  );
  assert.deepEqual(twice.errors?.[0]?.pointer, '/items/1/id');
  assert.equal((await client.collection('scenes')).count, before);
});

test('ready vectors pass through the tokenizer where a collection asks for that', {
  skip,
}, async () => {
  for (const ready_vectors of ['raw', 'tokenized'] as const)
    await client.createCollection({
      name: ready_vectors,
      embedding: { kind: 'target', target: 'scene_global', ready_vectors },
    });
  const vector = Array.from({ length: 54 }, (_, i) => Math.sin(i) * 0.1);
  const tokenized = await client.tokenize({ inputs: { scene_global: { value: vector } } });
  const tokens = tokenized.inputs.scene_global!.tokens as number[];
  const { outputs } = await client.detokenize({ tokens: { scene_global: { tokens } } });
  const passed = outputs.scene_global?.value as number[];
  const length = Math.hypot(...passed);
  for (const name of ['raw', 'tokenized']) await client.addItems(name, [{ id: 'v', vector }]);
  const kept = (await client.item('tokenized', 'v')).vector!;
  for (const [i, number] of kept.entries())
    assert.ok(Math.abs(number - passed[i]! / length) < 1e-5);
  const raw = (await client.item('raw', 'v')).vector!;
  for (const [i, number] of raw.entries())
    assert.ok(Math.abs(number - vector[i]! / Math.hypot(...vector)) < 1e-6);
});

test('a file is imported line by line, with inputs, vectors and errors', { skip }, async () => {
  const lines = [
    { id: 'imported', inputs: { rgb: await scene(4) } },
    { id: 'bad', inputs: { rgb: 'no picture' } },
    { id: 'wrong', vector: [1, 2] },
    { id: 'said', inputs: { caption: 'a green cone' }, metadata: { number: 9 } },
  ];
  const text = lines.map((line) => JSON.stringify(line)).join('\n');
  const report = await client.importItems('scenes', new Blob([text]));
  assert.deepEqual([report.items, report.failed], [2, 2]);
  assert.deepEqual(
    report.errors.map(({ line, pointer }) => [line, pointer]),
    [
      [2, '/inputs/rgb'],
      [3, '/vector'],
    ],
  );
  assert.equal((await client.item('scenes', 'said')).metadata.number, 9);
  const [nearest] = (await client.search('scenes', { item: 'imported', k: 2 })).results;
  assert.ok(nearest && nearest.score > 0.999);

  await client.createCollection({ name: 'arrays', embedding: { kind: 'vector', dimensions: 2 } });
  const array = new Blob([new Uint8Array(writeNpy(new Float32Array([1, 2, 3, 4, 0, 0]), [3, 2]))]);
  const rows = await client.importItems('arrays', array, {
    type: 'application/x-npy',
    prefix: 'r',
  });
  assert.deepEqual(
    [rows.items, rows.errors[0]?.line, rows.errors[0]?.code],
    [2, 3, 'invalid_vector'],
  );
  const form = new FormData();
  form.append('ids', new Blob(['x\ny\nz\n']), 'ids.txt');
  form.append('vectors', array, 'vectors.npy');
  assert.equal((await client.importItems('arrays', form)).items, 2);
  const { items } = await client.items('arrays');
  assert.deepEqual(
    items.map(({ id }) => id),
    ['r0', 'r1', 'x', 'y'],
  );

  await client.createCollection({
    name: 'parquet',
    embedding: { kind: 'vector', dimensions: 3 },
    metadata: { year: { type: 'integer' }, city: { type: 'string' }, open: { type: 'boolean' } },
  });
  const file = await readFile(join(REPOSITORY, 'test/cases/parquet/zstd.parquet'));
  for (const _ of [1, 2]) {
    const own = await client.importItems('parquet', new Blob([new Uint8Array(file)]), {
      type: 'application/vnd.apache.parquet',
    });
    assert.deepEqual(own, { items: 2500, failed: 0, errors: [] });
    assert.equal((await client.collection('parquet')).count, 2500);
  }
  assert.deepEqual((await client.item('parquet', 'p2')).metadata, {
    year: 2002,
    city: 'city 2',
    open: true,
  });
});

test('nothing that a killed worker has acknowledged is lost, and nothing is there twice', {
  skip,
}, async () => {
  const { modelsFolder, remove } = await exportDemo();
  try {
    const { lost, doubled, sent } = await killWriters({
      modelsFolder,
      env: { FOURM_COLLECTIONS: join(folder, 'killed') },
      adds: 200,
      kills: 3,
      together: 16,
    });
    assert.deepEqual({ lost, doubled }, { lost: 0, doubled: 0 });
    assert.ok(sent >= 200);
  } finally {
    await remove();
  }
});
