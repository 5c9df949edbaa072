/**
 * Pictures of many kinds against what Pillow 12.3 makes of them: `Image.open(f).convert('RGB')` (upright for
 * the one with an orientation), the centre square, and that square resized to 8 x 8.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { decodePicture } from '../../worker/image/decode.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { OWN_CASES } from '../support/cases.ts';
import { refusal } from '../support/inputs.ts';

interface Expected {
  readonly side: number;
  /** Base64 of RGB. */
  readonly small: string;
  readonly full?: string;
  /** x, y, red, green, blue */
  readonly pixels?: readonly (readonly number[])[];
}

const AT = '/inputs/rgb';
const file = (name: string): Promise<Buffer> => readFile(join(OWN_CASES, 'pictures', name));
const decode = async (bytes: Uint8Array, size: number) => {
  const options = { size, channels: 3, resampling: 'smooth' } as const;
  return (await decodePicture(await inspectPicture(bytes, AT), options, AT)).data;
};
const difference = (a: ArrayLike<number>, b: Uint8Array) => {
  assert.equal(a.length, b.length);
  const all = Array.from(a, (value, i) => Math.abs(value - b[i]!));
  return { most: Math.max(...all), mean: all.reduce((sum, one) => sum + one, 0) / all.length };
};

let expected: Record<string, Expected>;
before(async () => {
  expected = JSON.parse((await file('pillow.json')).toString());
});

describe('colours are those of Pillow', () => {
  const names = [
    ...['rgb.jpg', 'rgb420.jpg', 'progressive.jpg', 'l.jpg', 'l.png', 'orient6.jpg', 'phone.jpg'],
    ...['cmyk.jpg', 'ycck.jpg', 'cmyk_plain.jpg', 'cmyk_icc.jpg', 'scene_cmyk.jpg'],
    ...['rgba.png', 'rgba.webp', 'rgba16.png', 'la.png', 'p_trns.png', 'rgb16.png'],
    ...['swapped_profile.png', 'l16.png', 'la16.png'],
  ];
  for (const name of names)
    test(name, async () => {
      const bytes = await file(name);
      const { side, full, small, pixels = [] } = expected[name]!;
      const decoded = await decode(bytes, side);
      if (full !== undefined)
        assert.deepEqual(difference(decoded, Buffer.from(full, 'base64')), { most: 0, mean: 0 });
      for (const [x = 0, y = 0, ...colour] of pixels)
        assert.deepEqual([...decoded.subarray((y * side + x) * 3).subarray(0, 3)], colour);
      // Both resize in bytes, and round at other places.
      const resized = difference(await decode(bytes, 8), Buffer.from(small, 'base64'));
      assert.ok(resized.most <= 5 && resized.mean < 1, JSON.stringify(resized));
    });

  test('row 40, column 20 of the scene in the colours of print', async () => {
    const decoded = await decode(await file('scene_cmyk.jpg'), 64);
    const at = (40 * 64 + 20) * 3;
    assert.deepEqual([...decoded.subarray(at, at + 3)], [157, 136, 17]);
  });
});

describe('oddities that decoders pass over', () => {
  /** A JPEG with bytes of no meaning between two of its segments. */
  const withExtraneous = (jpeg: Buffer): Buffer => {
    const table = jpeg.indexOf(Buffer.from([0xff, 0xc4]));
    return Buffer.concat([jpeg.subarray(0, table), Buffer.from('junk'), jpeg.subarray(table)]);
  };

  test('do not damage a picture', async () => {
    const { side, full } = expected['rgb.jpg']!;
    const jpeg = await file('rgb.jpg');
    const trailing = Buffer.concat([jpeg, Buffer.from('written by a phone')]);
    for (const odd of [withExtraneous(jpeg), trailing])
      assert.deepEqual(await decode(odd, side), new Uint8Array(Buffer.from(full!, 'base64')));
  });

  test('do not hide that a file is cut', async () => {
    for (const name of ['phone.jpg', 'rgb420.jpg', 'scene_cmyk.jpg', 'rgba.png', 'rgba.webp']) {
      const bytes = await file(name);
      for (const share of [0.5, 0.75, 0.9]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * share));
        assert.deepEqual(await refusal(decode(cut, 8)), ['invalid_image', AT], `${name} ${share}`);
      }
    }
  });
});
