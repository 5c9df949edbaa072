/** Inputs that are large, or that become large: made in code, so that nothing large is committed. */
import { randomFillSync } from 'node:crypto';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';

const chunk = (type: string, data: Uint8Array): Buffer => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
};

/** A white PNG of one bit a pixel: 7,071 squared are 14 kB, and 50 million pixels. */
export function oneBitPng(side: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const row = Math.ceil(side / 8) + 1;
  const pixels = Buffer.alloc(row * side, 0xff);
  for (let y = 0; y < side; y++) pixels[y * row] = 0;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Noise, which no format makes smaller: about `bytes` long. */
export async function noisePicture(bytes: number, format: 'png' | 'jpeg'): Promise<Buffer> {
  const side = Math.floor(Math.sqrt(bytes / (format === 'png' ? 3.02 : 2.55)));
  const raw = randomFillSync(Buffer.alloc(side * side * 3));
  const picture = sharp(raw, { raw: { width: side, height: side, channels: 3 } });
  return format === 'png'
    ? await picture.png({ compressionLevel: 1 }).toBuffer()
    : await picture.jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** An .npy file of so many bytes of zeros, with any shape written in its header. */
export function npy(shape: readonly number[], bytes: number, descr = '<f4'): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 0, 0]);
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), Buffer.alloc(bytes)]);
}

/** A form with one file and one target. */
export function form(file: Buffer, fields: Readonly<Record<string, string>>) {
  const boundary = 'abuse-boundary';
  const text = Object.entries(fields)
    .map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    .join('');
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="rgb"; filename="a.png"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([
      Buffer.from(text),
      Buffer.from(head),
      file,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
  };
}

/** A form of very many small fields. */
export function manyFields(count: number): { type: string; body: Buffer } {
  const boundary = 'b';
  const parts = Array.from(
    { length: count },
    (_, i) => `--b\r\nContent-Disposition: form-data; name="f${i}"\r\n\r\n\r\n`,
  );
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.from(`${parts.join('')}--b--\r\n`),
  };
}

/** A gigabyte of zeros, compressed. */
export const gzipBomb = (megabytes: number): Buffer =>
  gzipSync(Buffer.alloc(megabytes * 1_000_000), { level: 9 });
