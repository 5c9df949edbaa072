import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  headerLength,
  parseHeader,
  SafetensorsError,
  type SafetensorsHeader,
} from '../../worker/safetensors/header.ts';
import { parseMetadataValue } from '../../worker/safetensors/metadata.ts';
import { fileOf, jsonObject } from '../support/fuzz.ts';
import { fc } from '../support/properties.ts';
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
  const file = 'x.safetensors';
  assert.deepEqual(
    [...tensors.values()],
    [
      { name: 'a.weight', type: 'F32', shape: [2, 2], file, offset: start, length: 16 },
      { name: 'a.bias', type: 'F32', shape: [2], file, offset: start + 16, length: 8 },
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
    /takes more than 2\^53 bytes/,
  ],
  'a shape that overflows on the way to nothing': [
    withHeader(entry({ shape: [2 ** 52, 2 ** 52, 0], data_offsets: [0, 0] })),
    /takes more than 2\^53 bytes/,
  ],
  'a type that is no text': [withHeader(entry({ dtype: ['F32'] }), data), /dtype is not text/],
  'a type nested too deep to print': [
    fileOf(jsonObject([['t', () => `{"dtype":${'['.repeat(99_999)}${']'.repeat(99_999)}}`]]), data),
    /tensor t: dtype is not text/,
  ],
  'a tensor given twice': [
    fileOf(jsonObject([...Object.entries(entry({})), ...Object.entries(entry({}))]), data),
    /the header has the key t twice/,
  ],
  'a field given twice, once in escapes': [
    fileOf('{"t":{"dtype":"F32","sh\\u0061pe":[2],"shape" :[2],"data_offsets":[0,8]}}', data),
    /the header has the key shape twice/,
  ],
  'a byte order mark': [fileOf('\ufeff{}', new Uint8Array()), /not JSON/],
  'UTF-8 that is not': [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), /not JSON/],
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
for (const type of ['F8_E4M3', 'F8_E5M2', 'F4', 'U16', 'U32', 'U64', 'C64'])
  refused[`${type}, which no 4M checkpoint has`] = [
    withHeader(entry({ dtype: type }), data),
    new RegExp(
      `x\\.safetensors: tensor t: unsupported type ${type}; .*weights are F32, F16 or BF16`,
    ),
  ];
for (const [what, [file, message]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => parse(file),
      (error) => error instanceof SafetensorsError && message.test(error.message),
    );
  });
}

test('a name is a name, whatever an object would make of it', () => {
  const names = ['__proto__', 'constructor', 'toString', '', 'a"b\\'];
  const { tensors, metadata } = parse(
    fileOf(
      jsonObject([
        ['__metadata__', () => jsonObject(names.map((name) => [name, `of ${name}`]))],
        ...names.map(
          (name, i) => [name, { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }] as const,
        ),
      ]),
      new Uint8Array(names.length),
    ),
  );
  assert.deepEqual([...tensors.keys()], names);
  assert.deepEqual(
    Object.entries(metadata),
    names.map((name) => [name, `of ${name}`]),
  );
  assert.equal(({} as Record<string, unknown>).shape, undefined, 'no object has changed');
});

test('a message quotes no more of a file than fits, and no control characters', () => {
  const name = `\u001b[2J${'n'.repeat(1e6)}`;
  assert.throws(
    () => parse(withHeader({ [name]: {} })),
    (error) =>
      error instanceof SafetensorsError &&
      error.tensor === name &&
      error.message.length < 300 &&
      !error.message.includes('\u001b'),
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
    ["['a' 'b']", "['a' 'b']"],
    [`"it's"`, "it's"],
    [`'it\\'s "so"\\n'`, `it's "so"\n`],
    [`['\\xe9\\u00e9\\U0001f600', "]"]`, ['éé😀', ']']],
    ["'C:\\data'", "'C:\\data'"],
    ['[caption, rgb@224]', ['caption', 'rgb@224']],
    ["{'a': 1}", "{'a': 1}"],
    [`${'['.repeat(40)}${']'.repeat(40)}`, `${'['.repeat(40)}${']'.repeat(40)}`],
    ['constructor', 'constructor'],
    ['', ''],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseMetadataValue(text), value, text);
});
