/** PNG by index, checked with the image library's own files and by its own reading of ours. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { decodeIndexed, encodeIndexed } from '../../worker/image/indexedPng.ts';
import type { Colour } from '../../worker/image/palettes.ts';
import { fc } from '../support/properties.ts';

const LIMIT = 10_000;
const COLOURS = Array.from({ length: 200 }, (_, i): Colour => [i, 255 - i, (i * 7) % 256]);
const rgb = async (png: Buffer) => Array.from(await sharp(png).removeAlpha().raw().toBuffer());

describe('indexed PNG', () => {
  test('what is written has the palette for other readers, and the indices for this one', async () => {
    const indices = Uint8Array.from({ length: 15 }, (_, i) => (i * 13) % 200);
    const png = encodeIndexed({ width: 5, height: 3, indices, palette: COLOURS });
    assert.deepEqual(
      await rgb(png),
      [...indices].flatMap((index) => COLOURS[index]!),
    );
    assert.equal((await sharp(png).metadata()).isPalette, true);
    assert.deepEqual(decodeIndexed(png, LIMIT), { width: 5, height: 3, indices, palette: COLOURS });
  });

  test('files of the image library with 2 to 256 colours mean the same pixels', async () => {
    for (const colours of [2, 4, 16, 200]) {
      const [width, height] = [37, 11];
      const pixels = Uint8Array.from(
        Array.from({ length: width * height }, (_, i) => COLOURS[(i * i) % colours]!).flat(),
      );
      const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png({ palette: true, colours, dither: 0 })
        .toBuffer();
      const read = decodeIndexed(png, LIMIT);
      assert.ok(read, `${colours} colours`);
      const found = [...read.indices].flatMap((index) => read.palette[index]!);
      assert.deepEqual(found, await rgb(png));
    }
  });

  test('filtered rows are undone', () => {
    // Row 1 as differences to the left (1), row 2 to the row above (2), row 3 to their mean (3).
    const rows = Uint8Array.of(1, 5, 1, 1, 2, 1, 1, 1, 3, 3, 1, 1);
    const plain = encodeIndexed({
      width: 3,
      height: 3,
      indices: new Uint8Array(9),
      palette: COLOURS,
    });
    const data = deflateSync(rows);
    const at = plain.indexOf('IDAT', 0, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const end = plain.subarray(plain.indexOf('IEND', 0, 'latin1') - 4);
    const crc = Buffer.alloc(4);
    const idat = Buffer.concat([length, Buffer.from('IDAT'), data, crc]);
    const png = Buffer.concat([plain.subarray(0, at - 4), idat, end]);
    // 5 6 7; 6 7 8; 3 + 6 / 2, 1 + (6 + 7) / 2, 1 + (7 + 8) / 2.
    assert.deepEqual([...decodeIndexed(png, LIMIT)!.indices], [5, 6, 7, 6, 7, 8, 6, 7, 8]);
  });

  test('other files, too many pixels and damaged data are not read, and nothing crashes', async () => {
    const grey = await sharp(Buffer.alloc(4), { raw: { width: 2, height: 2, channels: 1 } })
      .png()
      .toBuffer();
    assert.equal(decodeIndexed(grey, LIMIT), undefined);
    assert.equal(decodeIndexed(Buffer.from('hello'), LIMIT), undefined);
    const indices = Uint8Array.from({ length: 64 }, (_, i) => i);
    const png = encodeIndexed({ width: 8, height: 8, indices, palette: COLOURS });
    assert.equal(decodeIndexed(png, 63), undefined);
    const damaged = fc
      .tuple(fc.integer({ min: 0, max: png.length - 1 }), fc.integer({ min: 0, max: 255 }))
      .map(([at, byte]) => {
        const copy = Buffer.from(png);
        copy[at] = byte;
        return copy;
      });
    fc.assert(
      fc.property(damaged, fc.integer({ min: 0, max: png.length }), (bytes, length) => {
        const read = decodeIndexed(bytes.subarray(0, length), LIMIT);
        assert.ok(read === undefined || read.indices.length === read.width * read.height);
      }),
      { numRuns: 2000 },
    );
  });
});
