/** Files that are small and become large, or that are not what they say: pictures, arrays, heads, files of items. */
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { npy, oneBitPng } from '../bench/abuse/inputs.ts';

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)];
  head.writeUInt32BE(data.length);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
};
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A PNG of any declared size, with chunks between its header and its pixels. */
function png(width: number, height: number, pixels: Uint8Array, more: readonly Buffer[] = []) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    ...more,
    chunk('IDAT', deflateSync(pixels)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF of one pixel, again and again. */
function gif(frames: number): Buffer {
  const head = Buffer.from('47494638396101000100800000000000ffffff', 'hex');
  const pixel = Buffer.from('2c0000000001000100000202440100', 'hex');
  return Buffer.concat([head, ...Array.from({ length: frames }, () => pixel), Buffer.from(';')]);
}

/** A WebP of two frames. */
const animatedWebp = (): Promise<Buffer> =>
  sharp(Buffer.from(Uint8Array.from({ length: 16 * 32 * 3 }, (_, i) => (i < 768 ? 0 : 255))), {
    raw: { width: 16, height: 32, channels: 3, pageHeight: 16 },
  })
    .webp({ loop: 0, effort: 0 })
    .toBuffer();

/** A BMP header that declares any size. */
function bmp(width: number, height: number): Buffer {
  const file = Buffer.alloc(100);
  file.write('BM', 'latin1');
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  return file;
}

const svg = (inside: string): Buffer =>
  Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">${inside}</svg>`,
  );

/** Pictures that have to be refused, each by what it is. */
export async function hostilePictures(): Promise<Record<string, Buffer>> {
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: '#a51' } });
  const [asPng, asJpeg] = [await picture.png().toBuffer(), await picture.jpeg().toBuffer()];
  const none = Buffer.alloc(0);
  return {
    'a PNG of 100 million pixels': oneBitPng(10_000),
    'a PNG that declares 4 billion columns': png(0xffffffff, 1, none),
    'a PNG that declares 2^31 - 1 squared': png(0x7fffffff, 0x7fffffff, none),
    'a PNG without a pixel': png(0, 0, none),
    'a PNG with a row of its 1000': png(1000, 1000, Buffer.alloc(3001)),
    'a PNG cut short': asPng.subarray(0, asPng.length - 30),
    'a PNG of its signature alone': SIGNATURE,
    'a JPEG cut short': asJpeg.subarray(0, 200),
    'a JPEG of its start alone': Buffer.from([0xff, 0xd8, 0xff]),
    'a BMP that declares 2 billion squared': bmp(0x7fffffff, 0x7fffffff),
    'an SVG': svg('<rect width="10" height="10"/>'),
    'an SVG that names a file': svg(
      '<image xlink:href="file:///etc/passwd" width="10" height="10"/>',
    ),
    'an SVG of entities': svg('<text>&b;&b;&b;</text>'),
    'an SVG that is compressed': gzipSync(svg('<rect/>')),
    'a GIF of 20,000 frames': gif(20_000),
    'a WebP of two frames': await animatedWebp(),
    'a ZIP': Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), Buffer.alloc(500)]),
    'a PDF': Buffer.from('%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>'),
    'a TIFF of 4 billion entries': Buffer.from(`49492a0008000000ffff${'00'.repeat(100)}`, 'hex'),
    HTML: Buffer.from('<!doctype html><script>alert(1)</script>'),
    'an MVG for ImageMagick': Buffer.from(
      'push graphic-context\nfill "url(https://example.invalid/)"\n',
    ),
    zeros: Buffer.alloc(1000),
  };
}

/** Pictures with something besides: decoded or refused, and never anything else. */
export async function oddPictures(): Promise<Record<string, Buffer>> {
  const pixels = Buffer.alloc(64 * 193);
  const asJpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#15a' } })
    .jpeg()
    .toBuffer();
  const bomb = deflateSync(Buffer.alloc(30_000_000));
  const segment = (marker: number, data: Buffer): Buffer => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(data.length + 2, 2);
    return Buffer.concat([head, data]);
  };
  const exif = Buffer.concat([
    Buffer.from('Exif\0\0II*\0', 'latin1'),
    Buffer.from('08000000ffff', 'hex'),
    Buffer.alloc(60, 0xff),
  ]);
  const icc = Buffer.concat([
    Buffer.from('ICC_PROFILE\0\x01\xff', 'latin1'),
    Buffer.alloc(5000, 0x41),
  ]);
  const inJpeg = (extra: Buffer): Buffer =>
    Buffer.concat([asJpeg.subarray(0, 2), extra, asJpeg.subarray(2)]);
  return {
    'a PNG with a text bomb': png(64, 64, pixels, [
      chunk('zTXt', Buffer.concat([Buffer.from('a\0\0', 'latin1'), bomb])),
    ]),
    'a PNG with a profile bomb': png(64, 64, pixels, [
      chunk('iCCP', Buffer.concat([Buffer.from('a\0\0', 'latin1'), bomb])),
    ]),
    'a PNG with 20,000 chunks': png(
      64,
      64,
      pixels,
      Array.from({ length: 20_000 }, () => chunk('tEXt', Buffer.from('a\0b'))),
    ),
    'a PNG with a ZIP behind it': Buffer.concat([
      png(64, 64, pixels),
      Buffer.from('PK\x05\x06', 'latin1'),
      Buffer.alloc(18),
    ]),
    'a PNG with HTML behind it': Buffer.concat([
      png(64, 64, pixels),
      Buffer.from('<script>alert(1)</script>'),
    ]),
    'a PNG with more pixels than it declares': png(8, 8, Buffer.alloc(1_500_000)),
    'a JPEG with a false profile': inJpeg(segment(0xe2, icc)),
    'a JPEG with false Exif': inJpeg(segment(0xe1, exif)),
    'a JPEG with a script': inJpeg(segment(0xfe, Buffer.from('<script>alert(1)</script>'))),
    'an AVIF': await sharp({ create: { width: 16, height: 16, channels: 3, background: '#fff' } })
      .avif({ effort: 0 })
      .toBuffer(),
    'a picture of one column': png(1, 10_000, Buffer.alloc(40_000)),
    'a picture of one row': png(10_000, 1, Buffer.alloc(30_001)),
  };
}

export const hostileArrays = (): Record<string, Buffer> => ({
  'a shape of lies': npy([100_000, 100_000], 1000),
  'a shape beyond numbers': npy([1e15, 1e15], 10),
  'no dimension': npy([], 4),
  'many dimensions': npy(Array(64).fill(1), 4),
  objects: npy([2], 16, '|O'),
  'complex numbers': npy([2], 16, '<c8'),
  records: Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00\x46\x00', 'latin1'),
    Buffer.from(
      "{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (2,)}".padEnd(70),
    ),
  ]),
  'a header of lies': Buffer.concat([
    Buffer.from('\x93NUMPY\x02\x00\xff\xff\xff\xff', 'latin1'),
    Buffer.alloc(100),
  ]),
  'a header cut short': Buffer.from('\x93NUMPY\x01\x00\xff\x00{', 'latin1'),
  'code in its header': Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00\x40\x00', 'latin1'),
    Buffer.from("__import__('os').system('id')".padEnd(64)),
  ]),
});

const safetensors = (
  header: string,
  data = Buffer.alloc(0),
  length = Buffer.byteLength(header),
): Buffer => {
  const head = Buffer.alloc(8);
  head.writeBigUInt64LE(BigInt(length));
  return Buffer.concat([head, Buffer.from(header), data]);
};
const tensor = (shape: number[], offsets: number[], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: offsets,
});

export const hostileHeads = (): Record<string, Buffer> => ({
  'a header beyond the file': safetensors('{}', Buffer.alloc(8), 2 ** 52),
  'a header of no JSON': safetensors('{'),
  'a header of depth': safetensors('['.repeat(50_000) + ']'.repeat(50_000)),
  'a header of many names': safetensors(
    JSON.stringify(
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`t${i}`, tensor([0], [0, 0])])),
    ),
  ),
  'a tensor beyond the file': safetensors(
    JSON.stringify({ 'output_head.1.weight': tensor([2 ** 40], [0, 2 ** 42]) }),
  ),
  'tensors over each other': safetensors(
    JSON.stringify(
      Object.fromEntries(
        [
          'output_head.1.weight',
          'output_head.1.bias',
          'output_head.2.weight',
          'output_head.2.bias',
        ].map((name) => [name, tensor([1], [0, 4])]),
      ),
    ),
    Buffer.alloc(4),
  ),
  'negative places': safetensors(
    JSON.stringify({ 'output_head.1.weight': tensor([1], [-4, 0]) }),
    Buffer.alloc(4),
  ),
  'a shape beyond numbers': safetensors(
    JSON.stringify({ 'output_head.1.weight': tensor([1e300, 1e300], [0, 4]) }),
    Buffer.alloc(4),
  ),
  __proto__: safetensors(
    '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    Buffer.alloc(4),
  ),
  'a pickle': Buffer.from('80049595000000000000008c05706f736978948c0673797374656d949394', 'hex'),
  zeros: Buffer.alloc(64),
});

const PARQUET = Buffer.from('PAR1');
const footer = (length: number): Buffer => {
  const four = Buffer.alloc(4);
  four.writeUInt32LE(length);
  return four;
};

/** Files of items: media type -> what it is -> bytes. */
export const hostileImports = (): readonly (readonly [string, string, Buffer])[] => [
  [
    'application/vnd.apache.parquet',
    'a footer beyond the file',
    Buffer.concat([PARQUET, footer(0xffffffff), PARQUET]),
  ],
  [
    'application/vnd.apache.parquet',
    'a footer of zeros',
    Buffer.concat([PARQUET, Buffer.alloc(5000), footer(5000), PARQUET]),
  ],
  [
    'application/vnd.apache.parquet',
    'a footer of lists without end',
    Buffer.concat([PARQUET, Buffer.alloc(5000, 0x19), footer(5000), PARQUET]),
  ],
  [
    'application/vnd.apache.parquet',
    'a list of 2^60',
    Buffer.concat([
      PARQUET,
      Buffer.from([0x15, 0x02, 0x19, 0xfc, ...Array(8).fill(0xff), 0x7f]),
      Buffer.alloc(200),
      footer(212),
      PARQUET,
    ]),
  ],
  ['application/vnd.apache.parquet', 'the magic alone', PARQUET],
  ['application/x-npy', 'a shape of lies', npy([1_000_000, 3], 100)],
  ['application/x-npy', 'rows of nothing', npy([999_999_999_999, 0], 0)],
  ['application/x-npy', 'rows of many numbers', npy([1, 999_999], 1000)],
  ['application/x-npy', 'a header of lies', hostileArrays()['a header of lies'] ?? Buffer.alloc(0)],
  ['application/x-ndjson', 'no JSON at all', Buffer.from('not json\n'.repeat(1000))],
  ['application/x-ndjson', 'depth', Buffer.from(`${'['.repeat(100_000)}\n`)],
  ['application/x-ndjson', 'blank lines', Buffer.alloc(1_000_000, 0x0a)],
  ['application/x-ndjson', 'one line without end', Buffer.alloc(1_500_000, 0x61)],
  [
    'application/x-ndjson',
    '__proto__',
    Buffer.from('{"__proto__":{"id":"x","vector":[1,2,3]}}\n{"id":"__proto__","vector":[1,2,3]}\n'),
  ],
  [
    'application/x-ndjson',
    'NUL in an id',
    Buffer.from(
      '{"id":"a\\u0000b","vector":[1,2,3]}\n{"id":"a\\r\\nset-cookie: a=b","vector":[1,2,3]}\n',
    ),
  ],
  [
    'application/x-ndjson',
    'numbers that are none',
    Buffer.from(
      '{"id":"a","vector":[1e999,2,3]}\n{"id":"b","vector":[0,0,0]}\n{"id":"c","vector":["1",2,3]}\n',
    ),
  ],
];
