/** What is hidden of a picture: the tokens that any of it touches, and no others. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { FailureError } from '../../shared/api/problem.ts';
import { hiddenPositions as positionsOf } from '../../worker/tasks/hide.ts';
import { startReading } from '../../worker/tasks/reading.ts';
import { cellsInMask, type Frame, withoutHidden } from '../../worker/values/hide.ts';
import { fc } from '../support/properties.ts';

const AT = '/inputs/rgb/hide';
type Hide = Parameters<typeof positionsOf>[0];
const hiddenPositions = (hide: Hide, frame: Frame, at: string) =>
  positionsOf(hide, frame, at, startReading());
const square = (grid: number, side = grid * 4): Frame => ({
  grid,
  side,
  width: side,
  height: side,
});
const hidden = async (hide: Hide, frame: Frame) =>
  [...(await hiddenPositions(hide, frame, AT))].sort((a, b) => a - b);
const mask = async (width: number, height: number, white: (x: number, y: number) => boolean) => {
  const pixels = Uint8Array.from({ length: width * height }, (_, i) =>
    white(i % width, Math.floor(i / width)) ? 255 : 0,
  );
  const image = sharp(pixels, { raw: { width, height, channels: 1 } }).toColourspace('b-w');
  return { mask: (await image.png().toBuffer()).toString('base64') };
};
const refusal = async (promise: Promise<unknown>) => {
  const error = await promise.catch((reason: unknown) => reason);
  assert.ok(error instanceof FailureError);
  return [error.failure.code, error.failure.errors?.[0]?.pointer];
};

describe('boxes', () => {
  test('hide the tokens they overlap, not those they only touch', async () => {
    assert.deepEqual(await hidden({ box: [0.25, 0, 0.5, 0.5] }, square(4)), [1, 5]);
    assert.deepEqual(await hidden({ box: [0.24, 0, 0.51, 0.25] }, square(4)), [0, 1, 2]);
    assert.deepEqual(await hidden({ box: [0, 0, 1, 1] }, square(2)), [0, 1, 2, 3]);
    assert.deepEqual(
      await hidden([{ box: [0, 0, 0.1, 0.1] }, { box: [0.9, 0.9, 1, 1] }], square(4)),
      [0, 15],
    );
  });

  test('agree with the overlap of intervals', async () => {
    const edge = fc.integer({ min: 0, max: 40 });
    const interval = fc.tuple(edge, edge).filter(([low, high]) => low < high);
    await fc.assert(
      fc.asyncProperty(interval, interval, async ([left, right], [top, bottom]) => {
        const expected = Array.from({ length: 25 }, (_, i) => i).filter((i) => {
          const [x, y] = [(i % 5) * 8, Math.floor(i / 5) * 8];
          return left < x + 8 && right > x && top < y + 8 && bottom > y;
        });
        const box = [left / 40, top / 40, right / 40, bottom / 40] as [
          number,
          number,
          number,
          number,
        ];
        assert.deepEqual(await hidden({ box }, square(5)), expected);
      }),
    );
  });

  test('are relative to the whole picture, of which the centre square is seen', async () => {
    // 16 x 8: columns 4 to 12 are seen.
    const frame: Frame = { grid: 4, side: 8, width: 16, height: 8 };
    assert.deepEqual(await hidden({ box: [0, 0, 0.25, 1] }, frame), []);
    assert.deepEqual(await hidden({ box: [0, 0, 0.3, 0.2] }, frame), [0]);
    assert.deepEqual(await hidden({ box: [0.5, 0.75, 1, 1] }, frame), [14, 15]);
  });
});

describe('masks', () => {
  test('hide where any pixel is white, at the size of the picture, the square or the grid', async () => {
    const frame: Frame = { grid: 4, side: 8, width: 16, height: 8 };
    assert.deepEqual(await hidden(await mask(4, 4, (x, y) => x === 2 && y === 1), frame), [6]);
    assert.deepEqual(await hidden(await mask(8, 8, (x, y) => x === 7 && y === 7), frame), [15]);
    assert.deepEqual(await hidden(await mask(16, 8, (x) => x === 4), frame), [0, 4, 8, 12]);
    assert.deepEqual(await hidden(await mask(16, 8, (x) => x === 3 || x === 12), frame), []);
  });

  test('of another shape, or no picture, are refused with their place', async () => {
    const frame: Frame = { grid: 4, side: 8, width: 16, height: 8 };
    const wrong = await mask(16, 16, () => true);
    assert.deepEqual(await refusal(hiddenPositions(wrong, frame, AT)), [
      'invalid_input',
      `${AT}/mask`,
    ]);
    const list = [{ box: [0, 0, 1, 1] as [number, number, number, number] }, { mask: 'aGVsbG8=' }];
    assert.deepEqual(await refusal(hiddenPositions(list, frame, AT)), [
      'invalid_image',
      `${AT}/1/mask`,
    ]);
  });
});

describe('masks whose transparency hides', () => {
  const frame: Frame = { grid: 4, side: 8, width: 16, height: 8 };
  /** RGBA of white, so that its colours would hide all of it. */
  const rgba = (width: number, height: number, opacity: (x: number, y: number) => number) =>
    sharp(
      Uint8Array.from({ length: width * height * 4 }, (_, i) => {
        const pixel = Math.floor(i / 4);
        return i % 4 === 3 ? opacity(pixel % width, Math.floor(pixel / width)) : 255;
      }),
      { raw: { width, height, channels: 4 } },
    );
  const hides = async (picture: Promise<Buffer>, of = frame) =>
    await hidden({ mask: (await picture).toString('base64'), hides: 'transparent' }, of);

  test('hide where any pixel is less than half opaque, whatever its colour', async () => {
    const spot = (x: number, y: number) => (x === 2 && y === 1 ? 0 : 255);
    assert.deepEqual(await hides(rgba(4, 4, spot).png().toBuffer()), [6]);
    assert.deepEqual(await hides(rgba(4, 4, spot).webp({ lossless: true }).toBuffer()), [6]);
    assert.deepEqual(await hides(rgba(4, 4, spot).png({ palette: true }).toBuffer()), [6]);
    const sixteen = rgba(4, 4, spot).toColourspace('rgb16').png().toBuffer();
    assert.equal((await sharp(await sixteen).metadata()).depth, 'ushort');
    assert.deepEqual(await hides(sixteen), [6]);
    const shades = (x: number, y: number) => (y > 0 ? 255 : ([127, 128, 200, 255][x] ?? 255));
    assert.deepEqual(await hides(rgba(4, 4, shades).png().toBuffer()), [0]);
    // Of a picture that is wider than high, what is beside the centre square is not seen.
    const half = rgba(16, 8, (x) => (x === 4 ? 0 : 255));
    assert.deepEqual(await hides(half.png().toBuffer()), [0, 4, 8, 12]);
  });

  test('that hide nothing are refused, with and without an opacity', async () => {
    const opaque = await rgba(4, 4, () => 255)
      .png()
      .toBuffer();
    const beside = await rgba(16, 8, (x) => (x === 3 ? 0 : 255))
      .png()
      .toBuffer();
    const { mask: grey } = await mask(4, 4, () => true);
    for (const given of [opaque.toString('base64'), beside.toString('base64'), grey]) {
      const asked = hiddenPositions({ mask: given, hides: 'transparent' }, frame, AT);
      assert.deepEqual(await refusal(asked), ['invalid_input', `${AT}/mask`]);
    }
    assert.deepEqual(
      await hidden({ mask: grey, hides: 'white' }, frame),
      Array.from({ length: 16 }, (_, i) => i),
    );
  });
});

test('cells are those that share an area with a white pixel, at any size', () => {
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 40 }),
    grid: fc.integer({ min: 1, max: 16 }),
    white: fc.array(fc.nat(), { maxLength: 5 }),
  });
  fc.assert(
    fc.property(cases, ({ size, grid, white }) => {
      const pixels = [...new Set(white.map((place) => place % size ** 2))];
      const data = new Uint8Array(size ** 2);
      for (const place of pixels) data[place] = 200;
      // In units of 1 / (size x grid) both pixels and cells have whole borders.
      const overlaps = (pixel: number, cell: number) =>
        pixel * grid < (cell + 1) * size && cell * size < (pixel + 1) * grid;
      const expected = Array.from({ length: grid ** 2 }, (_, cell) => cell).filter((cell) =>
        pixels.some(
          (place) =>
            overlaps(Math.floor(place / size), Math.floor(cell / grid)) &&
            overlaps(place % size, cell % grid),
        ),
      );
      assert.deepEqual(cellsInMask({ data, largest: 255 }, size, grid), expected);
    }),
  );
});

describe('pictures and masks of a request', () => {
  test('have a number of pixels together, each counted once', async () => {
    const reading = startReading();
    reading.countPixels(50_000_000, '/inputs/rgb');
    reading.countPixels(49_000_000, '/inputs/rgb/hide/mask');
    reading.countPixels(50_000_000, '/inputs/rgb');
    const attempt = async () => reading.countPixels(2_000_000, '/inputs/depth');
    assert.deepEqual(await refusal(attempt()), ['image_too_large', '/inputs/depth']);
  });

  test('are refused when masks are too many, before these are decoded', async () => {
    const side = 6000;
    const black = sharp(Buffer.alloc(side * side), {
      raw: { width: side, height: side, channels: 1 },
    });
    const encoded = await black.toColourspace('b-w').png({ compressionLevel: 1 }).toBuffer();
    const masks = Array.from({ length: 3 }, () => ({ mask: encoded.toString('base64') }));
    const frame: Frame = { grid: 14, side: 224, width: side, height: side };
    assert.deepEqual(await refusal(hiddenPositions(masks, frame, AT)), [
      'image_too_large',
      `${AT}/2/mask`,
    ]);
  });

  test('are not read on when the request has been given up', async () => {
    const reason = new Error('the caller has gone');
    const reading = startReading(AbortSignal.abort(reason));
    const given = await mask(4, 4, () => true);
    await assert.rejects(positionsOf(given, square(4), AT, reading), reason);
  });
});

describe('what is left', () => {
  test('keeps ids, or rows, with their positions', () => {
    const ids = { positions: [0, 2, 3], content: { kind: 'ids', ids: [7, 8, 9] } } as const;
    assert.deepEqual(withoutHidden(ids, new Set([2, 1]), AT), {
      positions: [0, 3],
      content: { kind: 'ids', ids: [7, 9] },
    });
    const content = { kind: 'rows', rows: Float32Array.of(1, 2, 3, 4, 5, 6), width: 2 } as const;
    assert.deepEqual(withoutHidden({ positions: [0, 1, 2], content }, new Set([0]), AT), {
      positions: [1, 2],
      content: { kind: 'rows', rows: Float32Array.of(3, 4, 5, 6), width: 2 },
    });
  });

  test('must be something', async () => {
    const ids = { positions: [0], content: { kind: 'ids', ids: [7] } } as const;
    const attempt = async () => withoutHidden(ids, new Set([0]), AT);
    assert.deepEqual(await refusal(attempt()), ['invalid_input', AT]);
  });
});
