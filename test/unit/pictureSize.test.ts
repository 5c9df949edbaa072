/** Sizes of pictures by their headers, against those of the library that decodes them. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { pictureSize } from '../../shared/pictureSize.ts';
import { OWN_CASES } from '../support/cases.ts';
import { fc } from '../support/properties.ts';

const sizeBySharp = async (bytes: Uint8Array) => {
  const { width, height } = await sharp(bytes).metadata();
  return { width, height };
};

test('of all pictures among the cases', async () => {
  const folder = join(OWN_CASES, 'pictures');
  const names = (await readdir(folder)).filter((name) => /\.(png|jpg|webp)$/.test(name));
  assert.ok(names.length > 20);
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    assert.deepEqual(pictureSize(bytes), await sizeBySharp(bytes), name);
  }
});

test('of the three kinds of WebP, of progressive JPEG, and with metadata before the size', async () => {
  const create = { width: 301, height: 77, channels: 4, background: '#88888880' } as const;
  const picture = () => sharp({ create });
  for (const bytes of [
    await picture().webp().toBuffer(),
    await picture().flatten().webp().toBuffer(),
    await picture().webp({ lossless: true }).toBuffer(),
    await picture().withMetadata().webp().toBuffer(),
    await picture().jpeg({ progressive: true }).toBuffer(),
    await picture()
      .withMetadata()
      .withExif({ IFD0: { Copyright: 'x'.repeat(9000) } })
      .jpeg()
      .toBuffer(),
  ])
    assert.deepEqual(pictureSize(bytes), { width: 301, height: 77 });
});

test('of anything else there is none, and nothing fails', () => {
  const starts = ['', '\x89PNG\r\n\x1a\n', '\xff\xd8', 'RIFF1234WEBP', 'RIFF1234WEBPVP8X'];
  fc.assert(
    fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 60 }), (start, rest) => {
      const bytes = Buffer.concat([Buffer.from(start, 'latin1'), rest]);
      const size = pictureSize(bytes);
      assert.ok(size === undefined || (size.width >= 0 && size.height >= 0));
      if (start === '' && rest.length < 12) assert.equal(size, undefined);
    }),
  );
});
