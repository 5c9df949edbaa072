/** Pictures, classes, depth and normals as inputs: what a tokenizer is given, and which tokens are seen. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import type { InputValue } from '../../shared/api/generate.ts';
import { COCO_COLOURS } from '../../shared/model/cocoPanoptic.ts';
import { encodeIndexed } from '../../worker/image/indexedPng.ts';
import {
  base64,
  data,
  integers,
  npy,
  picture,
  recorder,
  refusal,
  upTo,
} from '../support/inputs.ts';

describe('pictures', () => {
  const { read, given } = recorder();
  const grey = (value: (i: number) => number) =>
    Uint8Array.from({ length: 224 * 224 }, (_, i) => value(i));

  test('rgb is pixels by its public name and tokens by its own; a box hides its patches', async () => {
    const file = await picture(224, 224, new Uint8Array(224 * 224 * 3).fill(255), 3);
    const all = await read('rgb', data(file));
    assert.deepEqual(all.positions, upTo(196));
    assert.equal(all.content.kind, 'rows');
    const box: [number, number, number, number] = [0, 0, 1, 0.5];
    const lower = await read('rgb', { data: base64(file), hide: { box } });
    assert.deepEqual(
      lower.positions,
      upTo(98).map((i) => i + 98),
    );
    assert.equal(lower.content.kind === 'rows' && lower.content.rows.length, 98 * 768);
    const tokens = await read('tok_rgb@224', { data: base64(file), hide: { box } });
    assert.deepEqual(tokens.content, { kind: 'ids', ids: upTo(98).map((i) => i + 98) });
  });

  test('depth files of 16 bits, bytes and floats are standardised alike', async () => {
    const steps = (i: number) => (i % 224) + 1;
    const wide = Uint16Array.from({ length: 224 * 224 }, (_, i) => steps(i) * 257);
    const sixteen = await sharp(wide, { raw: { width: 224, height: 224, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const forms = [
      data(sixteen),
      data(await picture(224, 224, grey(steps), 1)),
      npy([1, 224, 224], (i) => steps(i) / 255),
      integers('<u2', [224, 224], new Uint8Array(wide.buffer)),
      integers('|u1', [224, 224], grey(steps)),
    ];
    // Each value is there 224 times: the middle 80 % lies between 23 and 202.
    const kept = grey(steps).sort().subarray(5017, 45158);
    const mean = kept.reduce((sum, v) => sum + v / 255, 0) / kept.length;
    const variance = kept.reduce((sum, v) => sum + (v / 255 - mean) ** 2, 0) / (kept.length - 1);
    for (const form of forms) {
      const { dims, values } = await given('depth', form);
      assert.deepEqual(dims, [1, 1, 224, 224]);
      for (const i of [0, 100, 223]) {
        const expected = (steps(i) / 255 - mean) / Math.sqrt(variance + 1e-6);
        assert.ok(Math.abs(values[i]! - expected) < 1e-4, `${values[i]} for ${expected}`);
      }
    }
  });

  test('arrays are cut to their centre square and sampled by the nearest value', async () => {
    const { values } = await given(
      'depth',
      npy([448, 896], (i) => i % 896),
    );
    const row = values.slice(0, 224);
    // Columns 224 to 671, every second one: 225, 227 ...
    const step = row[1]! - row[0]!;
    assert.ok(row.every((value, i) => Math.abs(value - row[0]! - i * step) < 1e-3));
    const centre = (row[111]! + row[112]!) / 2;
    assert.ok(Math.abs(centre) < 0.01);
  });

  test('normals are colours, or vectors of at most length 1', async () => {
    const colours = await picture(224, 224, new Uint8Array(224 * 224 * 3).fill(255), 3);
    assert.equal((await given('normal', data(colours))).values[0], 1);
    const { dims, values } = await given(
      'normal',
      npy([3, 224, 224], (i) => (i < 50176 ? -1 : 0.5)),
    );
    assert.deepEqual([dims, values[0], values[60_000]], [[1, 3, 224, 224], -1, 0.5]);
    for (const wrong of [npy([3, 4, 4], () => 1.1), npy([4, 4, 3], () => 0), npy([4, 4], () => 0)])
      assert.deepEqual(await refusal(read('normal', wrong)), ['invalid_input', '/inputs/normal']);
  });

  test('edges are grey pictures', async () => {
    for (const name of ['canny_edge', 'sam_edge']) {
      const { dims, values } = await given(
        name,
        data(
          await picture(
            224,
            224,
            grey(() => 0),
            1,
          ),
        ),
      );
      assert.deepEqual([dims, values[7]], [[1, 1, 224, 224], -1]);
    }
  });

  test('classes are grey ids, indices, colours or integers; 255 is none', async () => {
    const classes = grey((i) => [0, 1, 133, 255][i % 4]!);
    const expected = Array.from(classes, (id) => (id === 255 ? 0 : id));
    const random = Array.from({ length: 256 }, (_, i) => [i, 9, 9] as const);
    const size = { width: 224, height: 224 };
    const reversed = COCO_COLOURS.toReversed();
    const colours = Uint8Array.from(expected.flatMap((id) => COCO_COLOURS[id]!));
    const words = new Uint8Array(BigInt64Array.from(expected, BigInt).buffer);
    const forms = [
      data(await picture(224, 224, classes, 1)),
      data(encodeIndexed({ ...size, indices: classes, palette: random })),
      data(encodeIndexed({ ...size, indices: Uint8Array.from(expected), palette: COCO_COLOURS })),
      data(
        encodeIndexed({
          ...size,
          indices: Uint8Array.from(expected, (id) => 133 - id),
          palette: reversed,
        }),
      ),
      data(await picture(224, 224, colours, 3)),
      integers('<i8', [224, 224], words),
      npy([224, 224], (i) => expected[i]!),
    ];
    for (const [index, form] of forms.entries()) {
      const { dims, values } = await given('semseg', form);
      assert.deepEqual(dims, [1, 224, 224]);
      assert.deepEqual(values.slice(0, 8), expected.slice(0, 8), `form ${index}`);
    }
    const at = ['invalid_input', '/inputs/semseg'];
    assert.deepEqual(
      await refusal(read('semseg', data(await picture(9, 9, grey(() => 134).subarray(0, 81), 1)))),
      at,
    );
    assert.deepEqual(
      await refusal(
        read(
          'semseg',
          npy([4, 4], () => 1.5),
        ),
      ),
      at,
    );
    assert.deepEqual(
      await refusal(read('semseg', data(await picture(1, 1, Uint8Array.of(1, 2, 3), 3)))),
      at,
    );
  });

  test('arrays stand for no photographs, and pictures for no features', async () => {
    const tiny = await picture(4, 4, new Uint8Array(16), 1);
    const code = async (name: string, value: InputValue) => (await refusal(read(name, value)))[0];
    assert.equal(
      await code(
        'tok_rgb@224',
        npy([3, 4, 4], () => 0),
      ),
      'invalid_input',
    );
    assert.equal(
      await code(
        'rgb',
        npy([3, 4, 4], () => 0),
      ),
      'invalid_image',
    );
    assert.equal(await code('clip', data(tiny)), 'invalid_input');
    assert.equal(await code('clip', 'hello!'), 'invalid_input');
    assert.equal(
      await code(
        'imagebind',
        npy([6, 16, 16], () => 0),
      ),
      'no_tokenizer',
    );
  });
});
