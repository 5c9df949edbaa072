import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import {
  headerLength,
  parseHeader,
  SafetensorsError,
  type SafetensorsHeader,
} from '../../worker/safetensors/header.ts';
import { parseMetadataValue } from '../../worker/safetensors/metadata.ts';
import { temporaryFolder } from '../support/exported.ts';
import { f32, safetensorsBytes, withHeader } from '../support/safetensors.ts';

/** The two steps that opening a file takes. */
function parse(file: Uint8Array): SafetensorsHeader {
  const length = headerLength('x.safetensors', file.subarray(0, 8), file.length);
  return parseHeader('x.safetensors', file.subarray(8, 8 + length), file.length);
}

const example = safetensorsBytes(
  { 'a.weight': f32([2, 2], [1, 2, 3, 4]), 'a.bias': f32([2], [5, 6]) },
  { dim: '2' },
);

test('a header gives every tensor its place in the file', () => {
  const { tensors, metadata } = parse(example);
  const start = example.length - 24;
  assert.deepEqual(
    [...tensors.values()],
    [
      { name: 'a.weight', type: 'F32', shape: [2, 2], offset: start, length: 16 },
      { name: 'a.bias', type: 'F32', shape: [2], offset: start + 16, length: 8 },
    ],
  );
  assert.deepEqual(metadata, { dim: '2' });
});

const entry = (fields: Record<string, unknown>) => ({
  t: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields },
});
const data = new Uint8Array(8);
const refused: Record<string, [Uint8Array, RegExp]> = {
  'an empty file': [new Uint8Array(), /shorter than 8 bytes/],
  'a length beyond the limit': [new Uint8Array(8).fill(255), /at most 100000000/],
  'a length beyond the file': [Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 123), /header of 9 bytes/],
  'what is not JSON': [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 123), /not JSON/],
  'a list': [withHeader([]), /not a JSON object/],
  'metadata that is not text': [withHeader({ __metadata__: { a: 1 } }), /__metadata__\.a/],
  'an unknown type': [withHeader(entry({ dtype: 'F7' }), data), /tensor t: unknown type "F7"/],
  'an inherited type': [withHeader(entry({ dtype: 'toString' }), data), /unknown type/],
  'a negative size': [withHeader(entry({ shape: [-2] }), data), /tensor t: shape/],
  'a range outside': [withHeader(entry({ data_offsets: [0, 9] }), data), /outside the 8 bytes/],
  'a range backwards': [withHeader(entry({ data_offsets: [8, 0] }), data), /outside/],
  'a shape of another size': [withHeader(entry({ shape: [3] }), data), /takes 12 bytes, 8 given/],
  'an overflowing shape': [
    withHeader(entry({ shape: [2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1] }), data),
    /takes/,
  ],
  'bytes before the first tensor': [
    withHeader(entry({ data_offsets: [4, 8], shape: [1] }), data),
    /follows a gap/,
  ],
  'bytes after the last tensor': [
    withHeader(entry({ data_offsets: [0, 4], shape: [1] }), data),
    /4 bytes after the last tensor/,
  ],
  'overlapping tensors': [
    withHeader({ ...entry({}), u: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, data),
    /tensor u: overlaps/,
  ],
};
for (const [what, [file, message]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => parse(file),
      (error) => error instanceof SafetensorsError && message.test(error.message),
    );
  });
}

test('any mutation either parses to ranges inside the file or gives the typed error', () => {
  const edit = fc.record({
    at: fc.nat(example.length - 1),
    byte: fc.integer({ min: 0, max: 255 }),
  });
  let parsed = 0;
  fc.assert(
    fc.property(
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      fc.nat(example.length),
      fc.boolean(),
      (edits, cut, isCut) => {
        const file = example.slice(0, isCut ? cut : example.length);
        for (const { at, byte } of edits) if (at < file.length) file[at] = byte;
        let header: SafetensorsHeader;
        try {
          header = parse(file);
        } catch (error) {
          assert.ok(error instanceof SafetensorsError, String(error));
          return;
        }
        parsed++;
        for (const { offset, length } of header.tensors.values())
          assert.ok(offset >= 8 && offset + length <= file.length);
      },
    ),
    { numRuns: 4000 },
  );
  assert.ok(
    parsed > 0,
    'no mutation was harmless, so the other half of the property was not tested',
  );
});

test('no header length asks for more than the file holds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(1 << 20), (prefix, size) => {
      try {
        assert.ok(headerLength('x', prefix, size) <= size - 8);
      } catch (error) {
        assert.ok(error instanceof SafetensorsError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('metadata values read as the Python literals they are', () => {
  const cases: [string, unknown][] = [
    ['True', true],
    ['False', false],
    ['None', null],
    ['768', 768],
    ['-1.5e-3', -0.0015],
    ['4.0', 4],
    ['SiLU', 'SiLU'],
    ['BottleneckMLP/B_2-Wi_32', 'BottleneckMLP/B_2-Wi_32'],
    ["['caption', 'rgb@224']", ['caption', 'rgb@224']],
    ['[1, [2, None], "a,b]"]', [1, [2, null], 'a,b]']],
    ['(1, 2)', [1, 2]],
    ['[]', []],
    ["['open", "['open"],
    ['constructor', 'constructor'],
    ['', ''],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseMetadataValue(text), value, text);
});

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
  await assert.rejects(values('ids'), /tensor ids: I64 is not a floating-point type/);
  await assert.rejects(values('nothing'), /tensor nothing: not in the file/);
});
