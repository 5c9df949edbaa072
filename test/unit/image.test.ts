/** Pictures in and out, on files made here and values worked out by hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { FailureError, type ProblemCode } from '../../shared/api/problem.ts';
import { type ModalityInfo, PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import { bytesFromText } from '../../worker/image/base64.ts';
import { decodePicture } from '../../worker/image/decode.ts';
import { decodeIndexed } from '../../worker/image/indexedPng.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { principalColours } from '../../worker/image/pca.ts';
import {
  classesOfColours,
  pixelPatches,
  signedPlanes,
  standardisedDepth,
  standardisedPlanes,
} from '../../worker/image/preprocess.ts';
import { gridPresentation } from '../../worker/presentations/grids.ts';
import { npyUrl } from '../../worker/presentations/npyUrl.ts';
import type { DecodedValues } from '../../worker/presentations/presentation.ts';
import { readNpy } from '../../worker/values/npy.ts';

const AT = '/inputs/rgb';
const create = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 10, g: 20, b: 30 } } });
const fails = (code: ProblemCode) => (error: unknown) =>
  error instanceof FailureError &&
  error.failure.code === code &&
  error.failure.errors?.[0]?.pointer === AT;
const present = (values: DecodedValues, of: ModalityInfo) =>
  gridPresentation(of.presentation).show(values, of);
const fromDataUrl = (url: string): Buffer => Buffer.from(url.split(',')[1]!, 'base64');
const info = (name: string) => PUBLISHED_MODALITIES[name]!;

describe('decoding', () => {
  test('takes PNG, JPEG and WebP, and nothing else', async () => {
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      const bytes = await create(6, 4).toFormat(format).toBuffer();
      assert.deepEqual([(await inspectPicture(bytes, AT)).width], [6]);
    }
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    const gif = await create(4, 4).gif().toBuffer();
    const tiff = await create(4, 4).tiff().toBuffer();
    for (const bytes of [svg, gif, tiff, Buffer.from('hello'), Buffer.alloc(0)]) {
      await assert.rejects(inspectPicture(bytes, AT), fails('invalid_image'));
    }
  });

  test('refuses damaged files, from their header or from their data', async () => {
    const noise = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const bytes = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    await assert.rejects(inspectPicture(bytes.subarray(0, 20), AT), fails('invalid_image'));
    const cut = await inspectPicture(bytes.subarray(0, bytes.length / 2), AT);
    const options = { size: 8, channels: 3, resampling: 'smooth' } as const;
    await assert.rejects(decodePicture(cut, options, AT), fails('invalid_image'));
  });

  test('refuses animations', async () => {
    const frames = [create(4, 4), create(4, 4).negate()].map((frame) => frame.png().toBuffer());
    const animated = await sharp(await Promise.all(frames), { join: { animated: true } })
      .webp({ loop: 0, delay: [10, 10] })
      .toBuffer();
    await assert.rejects(inspectPicture(animated, AT), fails('invalid_image'));
  });

  test('refuses too many pixels by the header alone', async () => {
    const png = await create(2, 2).png().toBuffer();
    // The header says 30000 x 30000; its checksum has to fit, or the file counts as damaged.
    const huge = Buffer.from(png);
    huge.writeUInt32BE(30_000, 16);
    huge.writeUInt32BE(30_000, 20);
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
    await assert.rejects(inspectPicture(huge, AT), fails('image_too_large'));
  });

  test('reads data URLs and plain base64, and refuses other text', () => {
    assert.equal(bytesFromText('data:image/png;base64,aGk=', AT).toString(), 'hi');
    assert.equal(bytesFromText('aGk=', AT).toString(), 'hi');
    for (const text of ['data:image/png,hi', 'https://example.org/a.png', '', 'data:;base64,']) {
      assert.throws(() => bytesFromText(text, AT), fails('invalid_image'), text);
    }
  });

  test('keeps the pixels of a picture of the right size as they are', async () => {
    const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => (i * 37) % 256);
    const bytes = await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toBuffer();
    const picture = await inspectPicture(bytes, AT);
    const options = { size: 8, channels: 3, resampling: 'smooth' } as const;
    assert.deepEqual((await decodePicture(picture, options, AT)).data, pixels);
  });

  test('crops the centre square', async () => {
    // Columns 0..11 hold their own number; the middle four are 4..7.
    const row = Array.from({ length: 12 }, (_, x) => [x, x, x]).flat();
    const pixels = Uint8Array.from(Array.from({ length: 4 }, () => row).flat());
    const bytes = await sharp(pixels, { raw: { width: 12, height: 4, channels: 3 } })
      .png()
      .toBuffer();
    const options = { size: 4, channels: 3, resampling: 'smooth' } as const;
    const { data } = await decodePicture(await inspectPicture(bytes, AT), options, AT);
    assert.deepEqual(
      [0, 3, 6, 9].map((i) => data[i]),
      [4, 5, 6, 7],
    );
  });

  test('keeps 16 bits of depth', async () => {
    const depth = Uint16Array.of(0, 1, 256, 65535);
    const bytes = await sharp(depth, { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const options = { size: 2, channels: 1, resampling: 'nearest' } as const;
    const picture = await inspectPicture(bytes, AT);
    const kept = await decodePicture(picture, { ...options, readsSixteenBits: true }, AT);
    assert.deepEqual([Array.from(kept.data), kept.largest], [[0, 1, 256, 65535], 65535]);
    // As edges, say: nothing beyond what 8 bits hold.
    const clipped = await decodePicture(picture, options, AT);
    assert.deepEqual([Array.from(clipped.data), clipped.largest], [[0, 1, 255, 255], 255]);
  });
});

/** CRC-32 of a PNG chunk. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('preprocessing', () => {
  test('patches run row by row, channel fastest, in ImageNet units', () => {
    const pixels = Uint8Array.from({ length: 4 * 4 * 3 }, (_, i) => i);
    const patches = pixelPatches(pixels, 4, 2);
    const red = (value: number) => Math.fround((value / 255 - 0.485) / 0.229);
    // Second patch: rows 0-1, columns 2-3; its first pixel is number 2, the next row starts at 6.
    assert.equal(patches[12], red(6));
    assert.equal(patches[12 + 6], red(18));
    assert.equal(patches[13], Math.fround((7 / 255 - 0.456) / 0.224));
  });

  test('signed planes put channels first', () => {
    assert.deepEqual(Array.from(signedPlanes([0, 255, 255, 0], 2)), [-1, 1, 1, -1]);
  });

  test('standardised planes are those of ImageNet, channels first', () => {
    const planes = standardisedPlanes([0, 51, 255, 102, 153, 204]);
    const expected = [
      (0 - 0.485) / 0.229,
      (0.4 - 0.485) / 0.229,
      (0.2 - 0.456) / 0.224,
      (0.6 - 0.456) / 0.224,
      (1 - 0.406) / 0.225,
      (0.8 - 0.406) / 0.225,
    ];
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(planes[i]! - value) < 1e-6);
  });

  test('depth is standardised by its middle 80 %', () => {
    const values = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 60].map((v) => v * 100);
    const result = standardisedDepth(values, 100);
    // Of 0.1 ... 0.8 the mean is 0.45 and the unbiased variance 0.06.
    assert.ok(Math.abs(result[1]! - (0.1 - 0.45) / Math.sqrt(0.06 + 1e-6)) < 1e-6);
    assert.ok(result[9]! > 200);
  });

  test('class colours are exact or refused', () => {
    const palette = [
      [0, 0, 0],
      [255, 0, 0],
    ] as const;
    assert.deepEqual(classesOfColours([255, 0, 0, 0, 0, 0], palette), [1, 0]);
    assert.equal(classesOfColours([254, 0, 0], palette), undefined);
  });
});

describe('postprocessing', () => {
  const values = (data: number[], channels: number, width: number): DecodedValues => ({
    data: Float32Array.from(data),
    channels,
    width,
    height: data.length / channels / width,
  });
  const pixelsOf = async (url: string | undefined) =>
    Array.from(await sharp(fromDataUrl(url!)).raw().toBuffer());

  test('rgb is clamped and losslessly encoded', async () => {
    const { image } = await present(values([-2, 1, 0, 0.5, 5, -1], 3, 2), info('tok_rgb@224'));
    assert.deepEqual(await pixelsOf(image), [0, 128, 255, 255, 191, 0]);
  });

  test('normals have unit length before they are encoded', async () => {
    const { image, data } = await present(values([3, 0, 4], 3, 1), info('tok_normal@224'));
    assert.deepEqual(await pixelsOf(image), [204, 128, 230]);
    const exact = readNpy(fromDataUrl(data!));
    assert.deepEqual([exact.dims, [...exact.data]], [[3, 1, 1], [0.6, 0, 0.8].map(Math.fround)]);
  });

  test('depth spans the whole 16 bits', async () => {
    const shown = await present(values([-1, 0, 1, 3], 1, 2), info('tok_depth@224'));
    const { data } = await sharp(fromDataUrl(shown.data!))
      .toColourspace('grey16')
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true });
    const exact = new Uint16Array(new Uint8Array(data).buffer);
    assert.deepEqual(Array.from(exact), [0, 16384, 32768, 65535]);
    const { dims, data: decoded } = readNpy(fromDataUrl(shown.array!));
    assert.deepEqual(
      [dims, [...decoded]],
      [
        [2, 2],
        [-1, 0, 1, 3],
      ],
    );
    assert.equal((await pixelsOf(shown.image)).length, 12);
  });

  test('classes come as ids, colours and a legend of those present', async () => {
    const scene = {
      ...info('tok_semseg@224'),
      classes: ['sky', 'ground', 'cube'],
      palette: [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ] as [number, number, number][],
    };
    const logits = [9, 0, 0, 0, 1, 8]; // pixel 0: class 0; pixel 1: class 2
    const shown = await present(values(logits, 3, 2), scene);
    assert.deepEqual(await pixelsOf(shown.image), [1, 2, 3, 7, 8, 9]);
    // The exact ids are the indices of a picture in the same colours.
    assert.deepEqual(await pixelsOf(shown.data), [1, 2, 3, 7, 8, 9]);
    assert.deepEqual([...decodeIndexed(fromDataUrl(shown.data!), 100)!.indices], [0, 2]);
    assert.deepEqual(shown.legend, [
      { id: 0, name: 'sky', colour: '#010203' },
      { id: 2, name: 'cube', colour: '#070809' },
    ]);
  });

  test('npy has an aligned header and little-endian data', () => {
    const file = fromDataUrl(npyUrl(Float32Array.of(1, -2, 0.5), [3]));
    const length = file.readUInt16LE(8);
    assert.equal((10 + length) % 64, 0);
    assert.match(
      file.subarray(10, 10 + length).toString('latin1'),
      /'<f4'.*'shape': \(3,\), \} *\n$/,
    );
    assert.equal(file.readFloatLE(10 + length + 4), -2);
  });

  test('principal components: the strongest direction is found', () => {
    // Channel 1 repeats channel 0 and channel 2 hardly varies: component 1 orders the positions.
    const features = Float32Array.of(0, 1, 2, 10, 0, 1, 2, 10, 0.1, 0, 0.1, 0);
    const colours = principalColours(features, 3, 4);
    const first = [0, 3, 6, 9].map((i) => colours[i]!);
    const ordered = first[0]! < first[3]! ? first : first.map((value) => 255 - value);
    assert.deepEqual(ordered, [0, 26, 51, 255]);
  });
});
