import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { SafetensorsError } from '../../worker/safetensors/header.ts';
import { temporaryFolder } from '../support/exported.ts';
import { memoryFiles } from '../support/memoryFiles.ts';
import { f32, safetensorsBytes } from '../support/safetensors.ts';

const INDEX = 'm/model.safetensors.index.json';
const A = 'model-00001-of-00002.safetensors';
const B = 'model-00002-of-00002.safetensors';
const bytes = (value: unknown) => new Uint8Array(Buffer.from(JSON.stringify(value)));

const index = (fields: Record<string, unknown> = {}) => ({
  metadata: { total_size: 20, licence: 'CC0-1.0' },
  weight_map: { 'a.weight': A, 'a.bias': A, 'b.weight': B },
  ...fields,
});
const whole = (): Record<string, Uint8Array> => ({
  [INDEX]: bytes(index()),
  [`m/${A}`]: safetensorsBytes(
    { 'a.weight': f32([2], [1, 2]), 'a.bias': f32([1], [3]) },
    { format: 'pt', dim: '2' },
  ),
  [`m/${B}`]: safetensorsBytes({ 'b.weight': f32([2, 1], [4, 5]) }, { format: 'pt', depth: '1' }),
});

test('shards are one checkpoint', async () => {
  const files = memoryFiles(whole());
  const checkpoint = await openCheckpoint(INDEX, files.open);
  assert.equal(checkpoint.file, INDEX);
  assert.deepEqual(checkpoint.files, [`m/${A}`, `m/${B}`]);
  assert.equal(checkpoint.size, whole()[`m/${A}`]!.length + whole()[`m/${B}`]!.length);
  assert.deepEqual(
    [...checkpoint.tensors.values()].map(({ name, file, offset }) => [name, file, offset]),
    [
      ['a.weight', `m/${A}`, whole()[`m/${A}`]!.length - 12],
      ['a.bias', `m/${A}`, whole()[`m/${A}`]!.length - 4],
      ['b.weight', `m/${B}`, whole()[`m/${B}`]!.length - 8],
    ],
  );
  assert.deepEqual(checkpoint.metadata, {
    licence: 'CC0-1.0',
    format: 'pt',
    dim: '2',
    depth: '1',
  });
  assert.deepEqual(checkpoint.config, { licence: 'CC0-1.0', format: 'pt', dim: 2, depth: 1 });
  assert.deepEqual([...(await checkpoint.readFloats('a.bias'))], [3]);
  assert.deepEqual([...(await checkpoint.readRows('b.weight', 1, 1))], [5]);
  await assert.rejects(checkpoint.read('c'), /index\.json: tensor c: not in the file/);
  await checkpoint.close();
  assert.equal(files.leftOpen(), 0);
});

test('shards lie beside the index, wherever that is', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'm'));
  for (const [file, data] of Object.entries(whole())) await writeFile(join(folder, file), data);
  const checkpoint = await openCheckpoint(join(folder, INDEX));
  t.after(() => checkpoint.close());
  assert.deepEqual(checkpoint.files, [join(folder, 'm', A), join(folder, 'm', B)]);
  assert.deepEqual([...(await checkpoint.readFloats('a.weight'))], [1, 2]);
});

const refused: Record<string, [Record<string, Uint8Array | undefined>, RegExp]> = {
  'an index that is not JSON': [
    { [INDEX]: Uint8Array.of(123) },
    /index\.json: the index is not JSON/,
  ],
  'an index that is a list': [{ [INDEX]: bytes([]) }, /the index is not a JSON object/],
  'an index without a map': [{ [INDEX]: bytes({ metadata: {} }) }, /weight_map is not an object/],
  'an index with a list for a map': [
    { [INDEX]: bytes(index({ weight_map: [A] })) },
    /weight_map is not an object/,
  ],
  'an index of nothing': [{ [INDEX]: bytes(index({ weight_map: {} })) }, /weight_map is empty/],
  'metadata that is no object': [
    { [INDEX]: bytes(index({ metadata: 'none' })) },
    /index\.json: metadata is not an object/,
  ],
  'a tensor mapped twice': [
    { [INDEX]: new Uint8Array(Buffer.from(`{"weight_map":{"t":"${A}","t":"${B}"}}`)) },
    /the index has the key t twice/,
  ],
  'a missing shard': [{ [`m/${B}`]: undefined }, new RegExp(`index\\.json: shard ${B} is missing`)],
  'a shard that is not safetensors': [
    { [`m/${B}`]: new Uint8Array(9) },
    new RegExp(`^m/${B}: the header is not JSON`),
  ],
  'a shard without a tensor of the index': [
    { [`m/${B}`]: safetensorsBytes({}) },
    new RegExp(`^m/${B}: tensor b\\.weight: missing, though the index ${INDEX} names it`),
  ],
  'a shard with a tensor that the index lacks': [
    { [`m/${B}`]: safetensorsBytes({ 'b.weight': f32([1], [0]), extra: f32([1], [0]) }) },
    new RegExp(`^m/${B}: tensor extra: not in the index ${INDEX}`),
  ],
  'a tensor in two shards': [
    { [`m/${B}`]: safetensorsBytes({ 'b.weight': f32([1], [0]), 'a.bias': f32([1], [0]) }) },
    new RegExp(`^m/${B}: tensor a\\.bias: the index ${INDEX} has it in ${A}`),
  ],
  'shards that contradict each other': [
    { [`m/${B}`]: safetensorsBytes({ 'b.weight': f32([1], [0]) }, { dim: '3' }) },
    new RegExp(`^m/${B}: __metadata__\\.dim is "3", "2" in the index or another shard`),
  ],
  'a shard that contradicts the index': [
    { [INDEX]: bytes(index({ metadata: { dim: '1' } })) },
    new RegExp(`^m/${A}: __metadata__\\.dim is "2", "1" in the index`),
  ],
};
for (const name of [
  '../x.safetensors',
  '/x.safetensors',
  'sub/x.safetensors',
  '..\\x.safetensors',
  'C:x.safetensors',
  'x\0.safetensors',
  '..',
  '',
  '.safetensors/..',
  'x.bin',
  7,
  null,
])
  refused[`the shard name ${JSON.stringify(name)}`] = [
    { [INDEX]: bytes(index({ weight_map: { t: name } })) },
    /index\.json: tensor t: .* is not the name of a \.safetensors file in the same folder/,
  ];

for (const [what, [changes, message]] of Object.entries(refused)) {
  test(`refuses ${what}`, async () => {
    const files = Object.fromEntries(
      Object.entries({ ...whole(), ...changes }).flatMap(([file, data]) =>
        data === undefined ? [] : [[file, data]],
      ),
    );
    const { open, leftOpen } = memoryFiles(files);
    await assert.rejects(openCheckpoint(INDEX, open), (error) => {
      assert.ok(error instanceof SafetensorsError, String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.equal(leftOpen(), 0, 'every file is closed');
  });
}
