/** Arrays as files: what NumPy wrote is read, what is damaged is refused, and nothing large is believed. */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FailureError } from '../../shared/api/problem.ts';
import { isArrayFile, ofRank, readArray } from '../../worker/values/arrays.ts';
import { ArrayError, readNpy, writeNpy } from '../../worker/values/npy.ts';
import { temporaryFolder } from '../support/exported.ts';
import { fc } from '../support/properties.ts';
import { f32, safetensorsBytes, writeSafetensors } from '../support/safetensors.ts';

/** `numpy.save` of [[1, 2, 3], [40, 50, 60]], by type; recorded from numpy 2. */
const VALUES: Readonly<Record<string, string>> = {
  f2: 'ADwAQABCAFFAUoBT',
  f4: 'AACAPwAAAEAAAEBAAAAgQgAASEIAAHBC',
  f8: 'AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhAAAAAAAAAREAAAAAAAABJQAAAAAAAAE5A',
  i4: 'AQAAAAIAAAADAAAAKAAAADIAAAA8AAAA',
  i8: 'AQAAAAAAAAACAAAAAAAAAAMAAAAAAAAAKAAAAAAAAAAyAAAAAAAAADwAAAAAAAAA',
  u1: 'AQIDKDI8',
  u2: 'AQACAAMAKAAyADwA',
};
/** `numpy.save` of the u2 array, whole. */
const RECORDED =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPHUyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoBAAIAAwAoADIAPAA=';
const FORTRAN =
  'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMiksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAIA/AABAQAAAAEAAAIBA';
const base64 = (text: string): Buffer => Buffer.from(text, 'base64');

/** A file of the given header and data. */
function file(header: string, data: Uint8Array = new Uint8Array(), version = 1): Buffer {
  const text = Buffer.from(`${header.padEnd(117)}\n`, 'latin1');
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length[0] = text.length;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  return Buffer.concat([start, length, text, data]);
}
const header = (type: string, shape: string, order = 'False') =>
  `{'descr': '${type}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe('npy', () => {
  test('what NumPy wrote is read, in all types', () => {
    assert.deepEqual([...readNpy(base64(RECORDED)).data], [1, 2, 3, 40, 50, 60]);
    for (const [type, values] of Object.entries(VALUES)) {
      const mark = type === 'u1' ? '|' : '<';
      for (const version of [1, 2, 3]) {
        const bytes = file(header(`${mark}${type}`, '(2, 3)'), base64(values), version);
        const { dims, data, kind, largest } = readNpy(bytes);
        assert.deepEqual(
          [dims, [...data]],
          [
            [2, 3],
            [1, 2, 3, 40, 50, 60],
          ],
          type,
        );
        assert.equal(kind, type.startsWith('f') ? 'float' : 'int');
        assert.equal(largest, { u1: 255, u2: 65535 }[type]);
      }
    }
  });

  test('a number alone and an empty axis are arrays', () => {
    const alone = readNpy(file(header('<f8', '()'), base64('AAAAAAAACEA=')));
    assert.deepEqual([alone.dims, [...alone.data]], [[], [3]]);
    assert.equal(readNpy(file(header('<f4', '(0, 5)'))).data.length, 0);
  });

  test('negative and half-precision values keep their sign', () => {
    const halves = Buffer.alloc(6);
    for (const [i, bits] of [0xc000, 0x3555, 0x0001].entries()) halves.writeUInt16LE(bits, 2 * i);
    const [two, third, smallest] = readNpy(file(header('<f2', '(3,)'), halves)).data;
    assert.equal(two, -2);
    assert.ok(Math.abs(third! - 1 / 3) < 1e-4);
    assert.equal(smallest, 2 ** -24);
    const ints = Buffer.alloc(4);
    ints.writeInt32LE(-7);
    assert.equal(readNpy(file(header('<i4', '(1,)'), ints)).data[0], -7);
  });

  test('what is not read says why', () => {
    const refused: [Buffer, RegExp][] = [
      [base64(FORTRAN), /Fortran order/],
      [file(header('>f4', '(1,)'), new Uint8Array(4)), /big-endian/],
      [file(header('<c8', '(1,)'), new Uint8Array(8)), /type c8/],
      [file(header('|O', '(1,)')), /plain type/],
      [file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), /plain type/],
      [file(header('<f4', '(2, 3)'), new Uint8Array(23)), /24 bytes, 23 are there/],
      [file(header('<f4', '(2, 3)'), new Uint8Array(25)), /24 bytes, 25 are there/],
      [file(header('<f4', '(99999999, 99999999, 99999999)')), /more than \d+ values/],
      [file(header('<u1', '(1000000000,)')), /more than \d+ values/],
      [file(header('<f4', '(1,1,1,1,1,1,1,1,1)'), new Uint8Array(4)), /9 axes/],
      [file(header('<f4', '(1,)'), new Uint8Array(4), 9), /version 9/],
      [Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]), /version/],
      [
        Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 255, 255, 255, 255]),
        /header of 4294967295/,
      ],
      [Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 255, 0, 1, 1]), /within its header/],
      [Buffer.from('hello'), /not an .npy/],
    ];
    for (const [bytes, message] of refused) {
      assert.throws(
        () => readNpy(bytes),
        (error) => error instanceof ArrayError && message.test(error.message),
        String(message),
      );
    }
  });

  test('damaged files are refused or read, never a crash', () => {
    const sound = base64(RECORDED);
    const change = fc.record({
      at: fc.integer({ min: 0, max: sound.length - 1 }),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    const damaged = fc
      .tuple(fc.array(change, { maxLength: 6 }), fc.integer({ min: 0, max: sound.length }))
      .map(([changes, length]) => {
        const bytes = Buffer.from(sound);
        for (const { at, byte } of changes) bytes[at] = byte;
        return bytes.subarray(0, length);
      });
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          const { dims, data } = readNpy(bytes);
          assert.equal(
            data.length,
            dims.reduce((product, size) => product * size, 1),
          );
        } catch (error) {
          assert.ok(error instanceof ArrayError, String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { maxLength: 40 }), (values) => {
        const { dims, data } = readNpy(writeNpy(Float32Array.from(values), [values.length]));
        assert.deepEqual([dims, [...data]], [[values.length], values]);
      }),
    );
  });
});

describe('arrays', () => {
  const fails = (pattern: RegExp) => (error: unknown) =>
    error instanceof FailureError &&
    error.failure.code === 'invalid_input' &&
    error.failure.errors?.[0]?.pointer === '/inputs/a' &&
    pattern.test(error.failure.detail);

  test('of a safetensors file its one tensor is read', async (t) => {
    const folder = await temporaryFolder();
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, { emb: f32([2, 2], [1, -2, 3, 4.5]) }, {});
    const bytes = await readFile(path);
    assert.ok(isArrayFile(bytes));
    const { dims, data } = await readArray(bytes, '/inputs/a');
    assert.deepEqual(
      [dims, [...data]],
      [
        [2, 2],
        [1, -2, 3, 4.5],
      ],
    );
    await assert.rejects(readArray(bytes.subarray(0, -1), '/inputs/a'), fails(/cannot be read/));
    await writeSafetensors(path, { a: f32([1], [1]), b: f32([1], [2]) }, {});
    await assert.rejects(readArray(await readFile(path), '/inputs/a'), fails(/2 tensors/));
    await assert.rejects(readArray(Buffer.from('nonsense'), '/inputs/a'), fails(/cannot be read/));
  });

  test('damaged files of either kind are refused or read, never a crash', async () => {
    const sound = [
      base64(RECORDED),
      Buffer.from(safetensorsBytes({ emb: f32([2, 2], [1, -2, 3, 4.5]) })),
    ];
    const edits = fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sound),
        edits,
        fc.nat(300),
        async (file, changes, cut) => {
          const bytes = Buffer.from(file);
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          try {
            const { dims, data } = await readArray(
              bytes.subarray(0, bytes.length - (cut % 8)),
              '/a',
            );
            const count = dims.reduce((product, size) => product * size, 1);
            assert.equal(data.length, count);
          } catch (error) {
            assert.ok(error instanceof FailureError, String(error));
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('leading axes of length 1 do not count; other shapes and NaN are refused', () => {
    const array = (dims: number[], values: number[]) =>
      ({ dims, data: Float64Array.from(values), kind: 'float' }) as const;
    assert.deepEqual(
      ofRank(array([1, 1, 2, 2], [1, 2, 3, 4]), 2, '(H, W)', '/inputs/a').dims,
      [2, 2],
    );
    assert.deepEqual(ofRank(array([1, 2], [1, 2]), 2, '(H, W)', '/inputs/a').dims, [1, 2]);
    const wrong: [number[], number[]][] = [
      [[4], [1, 2, 3, 4]],
      [
        [2, 1, 2],
        [1, 2, 3, 4],
      ],
      [[0, 4], []],
    ];
    for (const [dims, values] of wrong)
      assert.throws(() => ofRank(array(dims, values), 2, '(H, W)', '/inputs/a'), fails(/\(H, W\)/));
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => ofRank(array([1, 1], [value]), 2, '', '/inputs/a'), fails(/not finite/));
  });
});
