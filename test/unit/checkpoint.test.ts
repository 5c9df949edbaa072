import assert from 'node:assert/strict';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import { SafetensorsError } from '../../worker/safetensors/header.ts';
import { toFloats } from '../../worker/safetensors/values.ts';
import { temporaryFolder } from '../support/exported.ts';
import { fileOf } from '../support/fuzz.ts';
import { memoryFiles } from '../support/memoryFiles.ts';
import { f32, safetensorsBytes } from '../support/safetensors.ts';

test('values are read by range, in each floating-point type', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'x.safetensors');
  const half = {
    dtype: 'F16',
    shape: [5],
    data: Uint8Array.of(0, 0x3c, 0, 0xc0, 1, 0, 0, 0x7c, 0xff, 0x7b),
  };
  const brain = { dtype: 'BF16', shape: [2], data: Uint8Array.of(0x80, 0x3f, 0x49, 0xc0) };
  const ids = { dtype: 'I64', shape: [1], data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) };
  await writeFile(file, safetensorsBytes({ half, single: f32([2], [0.5, -2]), brain, ids }));
  const checkpoint = await openCheckpoint(file);
  t.after(() => checkpoint.close());
  const values = async (name: string) => [...(await checkpoint.readFloats(name))];
  assert.deepEqual(await values('half'), [1, -2, 2 ** -24, Number.POSITIVE_INFINITY, 65504]);
  assert.deepEqual(await values('single'), [0.5, -2]);
  assert.deepEqual(await values('brain'), [1, -3.140625]);
  await assert.rejects(values('ids'), /tensor ids: I64 is not read as float32/);
  await assert.rejects(values('nothing'), /tensor nothing: not in the file/);
});

/** Every binary16 by the definition of the format, sign, exponent and fraction apart. */
function halfByDefinition(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) % 32;
  const fraction = bits % 1024;
  if (exponent === 31) return fraction === 0 ? sign / 0 : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

test('all half-precision values become the float32 that they are, in rows or at once', async () => {
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const data = new Uint8Array(all.buffer);
  const file = safetensorsBytes({
    // A byte before them, so that nothing is aligned in the file.
    odd: { dtype: 'U8', shape: [1], data: Uint8Array.of(1) },
    half: { dtype: 'F16', shape: [256, 256], data },
    brain: { dtype: 'BF16', shape: [256, 256], data },
  });
  const checkpoint = await openCheckpoint('x', memoryFiles({ x: file }).open);
  const expected = {
    half: Float32Array.from(all, halfByDefinition),
    brain: new Float32Array(Uint32Array.from(all, (bits) => bits * 65536).buffer),
  };
  for (const name of ['half', 'brain'] as const) {
    assert.deepEqual(await checkpoint.readFloats(name), expected[name], name);
    assert.deepEqual(
      await checkpoint.readRows(name, 3, 7),
      expected[name].slice(3 * 256, 10 * 256),
      name,
    );
  }
});

test('values are right wherever in memory their bytes begin', () => {
  const tensor = { name: 't', shape: [2], file: 'x', offset: 0 };
  const single = Uint8Array.of(9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0).subarray(1);
  assert.deepEqual([...toFloats({ ...tensor, type: 'F32', length: 8 }, single)], [1, -2]);
  const half = Uint8Array.of(9, 0, 0x3c, 0, 0xc0).subarray(1);
  assert.deepEqual([...toFloats({ ...tensor, type: 'F16', length: 4 }, half)], [1, -2]);
});

test('rows are read alone, and only those that are there', async () => {
  const { open, bytesRead } = memoryFiles({
    x: safetensorsBytes({
      table: f32([4, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
      none: f32([0, 3], []),
      one: f32([], [5]),
    }),
  });
  const checkpoint = await openCheckpoint('x', open);
  const before = bytesRead();
  assert.deepEqual([...(await checkpoint.readRows('table', 1, 2))], [3, 4, 5, 6, 7, 8]);
  assert.equal(bytesRead() - before, 24);
  assert.deepEqual([...(await checkpoint.readRows('table', 4, 0))], []);
  assert.deepEqual([...(await checkpoint.readRows('none', 0, 0))], []);
  for (const [name, first, count] of [
    ['table', 3, 2],
    ['table', -1, 1],
    ['table', 0, -1],
    ['table', 0.5, 1],
    ['table', 0, Number.NaN],
    ['table', 2 ** 53, 1],
    ['none', 0, 1],
    ['one', 0, 1],
  ] as const)
    await assert.rejects(checkpoint.readRows(name, first, count), SafetensorsError);
});

const text = (start: string) => new Uint8Array(Buffer.from(start.padEnd(200, 'x'), 'latin1'));
const foreign: Record<string, [Uint8Array, RegExp]> = {
  'a zip archive with a pickle': [
    text('PK\x03\x04\x00\x00\x08\x08'),
    /PyTorch pickle.*run code.*save_file/s,
  ],
  'a zip archive that reads as a bearable length': [text('PK\x03\x04\0\0\0\0'), /PyTorch pickle/],
  'a bare pickle': [text('\x80\x02}q\x00(X'), /PyTorch pickle/],
  'a pickle of today': [text('\x80\x05\x95'), /PyTorch pickle/],
  'a Git LFS pointer': [text('version https://git-lfs.github.com/spec/v1\noid'), /git lfs pull/],
  'a web page': [text('<!DOCTYPE html><html>'), /web page/],
  'another web page': [text('\n <html lang="en">'), /web page/],
  'an answer of a store': [text('<?xml version="1.0"?><Error>'), /web page/],
};
for (const [what, [file, message]] of Object.entries(foreign)) {
  test(`says that the file is ${what}`, async () => {
    const { open, leftOpen } = memoryFiles({ 'x.safetensors': file });
    await assert.rejects(openCheckpoint('x.safetensors', open), (error) => {
      assert.ok(error instanceof SafetensorsError && error.file === 'x.safetensors');
      return message.test(error.message);
    });
    assert.equal(leftOpen(), 0);
  });
}

test('a well-formed file is one, whatever its first bytes mean elsewhere', async () => {
  // A header of 0x480 bytes begins like a pickle.
  const json = JSON.stringify({ __metadata__: { a: 'b' } }).padEnd(0x480);
  const file = fileOf(json, new Uint8Array());
  assert.deepEqual([...file.subarray(0, 2)], [0x80, 4]);
  const checkpoint = await openCheckpoint('x', memoryFiles({ x: file }).open);
  assert.deepEqual(checkpoint.metadata, { a: 'b' });
});

const example = safetensorsBytes({
  'a.weight': f32([2, 2], [1, 2, 3, 4]),
  'a.bias': f32([2], [5, 6]),
});

test('what is not a plain file, or gets shorter, is refused by name', async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  await assert.rejects(openCheckpoint(folder), new RegExp(`${folder}: not a plain file`));
  await assert.rejects(openCheckpoint(join(folder, 'none')), /ENOENT.*none/);
  const file = join(folder, 'x.safetensors');
  await writeFile(file, example);
  const checkpoint = await openCheckpoint(file);
  t.after(() => checkpoint.close());
  await truncate(file, example.length - 1);
  await assert.rejects(checkpoint.read('a.bias'), new RegExp(`ends at byte ${example.length - 1}`));
});
