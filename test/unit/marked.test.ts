/** What pictures say of their origin, read by a parser of PNG written from its specification and by sharp. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import type { TargetPlan } from '../../shared/plan/targetPlan.ts';
import { marked, type Origin } from '../../worker/image/marked.ts';
import { dataUrl, indexedPng, png8, png16 } from '../../worker/image/png.ts';

const PLAN: TargetPlan = {
  modality: 'tok_depth@224',
  scheme: 'maskgit',
  counts: [100, 96],
  stepTemperatures: [1, 1],
  temperature: 1,
  filters: { topK: 0, topP: 0.8 },
  guidanceScale: 2,
  maxTokens: 196,
};
const ORIGIN: Origin = {
  model: { id: '4m-shapés <&">', digest: 'd'.repeat(64), licence: 'Apache-2.0', precision: 'int8' },
  result: 'a'.repeat(64),
  seed: 7,
  plan: PLAN,
};

const bytesOf = (url: string | undefined): Buffer =>
  Buffer.from((url ?? '').slice((url ?? '').indexOf(',') + 1), 'base64');

/** CRC of PNG, annex D, bit by bit. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** Every chunk in order, with its CRC checked; nothing may follow the last one. */
function chunksOf(png: Buffer): Chunk[] {
  assert.deepEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const chunks: Chunk[] = [];
  let at = 8;
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const end = at + 8 + length;
    assert.equal(png.readUInt32BE(end), crc(png.subarray(at + 4, end)));
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, end) });
    at = end + 4;
  }
  assert.equal(chunks.at(-1)?.type, 'IEND');
  return chunks;
}

/** Keyword -> text of the `iTXt` chunks, section 11.3.3.4. */
function textsOf(png: Buffer): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { type, data } of chunksOf(png)) {
    if (type !== 'iTXt') continue;
    const keyword = data.toString('latin1', 0, data.indexOf(0));
    const rest = data.subarray(keyword.length + 1);
    assert.deepEqual([rest[0], rest[1]], [0, 0], 'it is not compressed');
    const [language, translated] = [rest.indexOf(0, 2), rest.indexOf(0, rest.indexOf(0, 2) + 1)];
    assert.ok(language > 0 && translated > language);
    texts.set(keyword, rest.toString('utf8', translated + 1));
  }
  return texts;
}

const pixels = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => (i * 37) % 256);
const KINDS = {
  'colours, 8 bits': () => png8(pixels, 7, 5, 3),
  'grey, 8 bits': () => png8(pixels.subarray(0, 35), 7, 5, 1),
  'grey, 16 bits': () =>
    png16(
      Uint16Array.from({ length: 35 }, (_, i) => i * 1800),
      7,
      5,
    ),
  indexed: async () =>
    indexedPng({
      width: 7,
      height: 5,
      indices: pixels.subarray(0, 35).map((value) => value % 3),
      palette: [
        [0, 0, 0],
        [255, 0, 0],
        [0, 255, 9],
      ],
    }),
};

describe('a picture', () => {
  for (const [kind, make] of Object.entries(KINDS))
    test(`of ${kind} says where it comes from, and is the same picture`, async () => {
      const plain = await make();
      const { image } = marked({ image: plain }, ORIGIN, 3);
      const [before, after] = [bytesOf(plain), bytesOf(image)];
      const chunks = chunksOf(after);
      assert.equal(chunks[0]?.type, 'IHDR');
      const withoutTexts = chunks.filter(({ type }) => type !== 'iTXt');
      assert.deepEqual(withoutTexts, chunksOf(before), 'every other chunk is as it was');
      const texts = textsOf(after);
      assert.equal(texts.get('Software'), '4M Edge');
      assert.match(texts.get('Copyright') ?? '', /Apache-2\.0$/);
      assert.deepEqual(JSON.parse(texts.get('4m-edge') ?? ''), {
        model: '4m-shapés <&">',
        digest: 'd'.repeat(64),
        licence: 'Apache-2.0',
        precision: 'int8',
        modality: 'tok_depth@224',
        schedule: {
          ...{ scheme: 'maskgit', steps: 2, temperature: 1, top_k: 0, top_p: 0.8, guidance: 2 },
        },
        result: 'a'.repeat(64),
        seed: 7,
        sample: 3,
      });
      const raw = (file: Buffer) => sharp(file).raw().toBuffer();
      assert.deepEqual(await raw(after), await raw(before));
      // libvips hands out what it takes for XMP.
      const { xmp, depth } = await sharp(after).metadata();
      const packet = xmp?.toString() ?? '';
      assert.match(packet, /DigitalSourceType="[^"]+\/trainedAlgorithmicMedia"/);
      assert.match(packet, /AISystemUsed="4m-shapés &lt;&amp;&quot;>"/);
      assert.match(packet, /Licence of the model's weights: Apache-2\.0/);
      assert.equal(depth, kind === 'grey, 16 bits' ? 'ushort' : 'uchar');
    });

  test('says nothing of a time or a caller: equal origins give equal bytes', async () => {
    const plain = await KINDS['grey, 16 bits']();
    assert.deepEqual(marked({ data: plain }, ORIGIN, 0), marked({ data: plain }, { ...ORIGIN }, 0));
    const other = marked({ data: plain }, { ...ORIGIN, seed: 8 }, 0);
    assert.notEqual(other.data, marked({ data: plain }, ORIGIN, 0).data);
  });

  test('has names of any length and of any characters', async () => {
    const plain = await KINDS.indexed();
    for (let length = 1; length <= 3; length++) {
      const model = {
        ...ORIGIN.model,
        id: 'x'.repeat(length),
        licence: `\u0000\n${'é'.repeat(900)}`,
      };
      const { image } = marked({ image: plain }, { model }, 0);
      const texts = textsOf(bytesOf(image));
      assert.equal(JSON.parse(texts.get('4m-edge') ?? '').model, model.id);
      assert.ok(!/\p{Cc}/u.test(texts.get('XML:com.adobe.xmp') ?? 'none'));
      assert.ok((texts.get('Copyright') ?? '').length < 200);
    }
  });

  test('that is no PNG, or none at all, stays as it is', () => {
    const npy = dataUrl('application/x-npy', Buffer.from('\x93NUMPY', 'latin1'));
    const given = { data: npy, image: undefined };
    assert.deepEqual(marked(given, ORIGIN, 0), { data: npy, image: undefined });
    assert.equal(marked(given, undefined, 0), given);
  });
});
