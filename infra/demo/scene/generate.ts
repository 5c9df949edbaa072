/**
 * Writes examples for the trainer: raw little-endian arrays and one JSON line of texts per scene.
 * Usage: node generate.js FOLDER COUNT FIRST_SEED
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldOf } from '../../../shared/lookup.ts';
import { phrasingsOf } from './phrasings.ts';
import { examples } from './scenes.ts';

const [folder, count, firstSeed] = process.argv.slice(2);
if (!folder || !(Number(count) > 0) || !(Number(firstSeed) >= 0)) {
  console.error('usage: generate FOLDER COUNT FIRST_SEED');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const names = ['rgb', 'depth', 'normal', 'semseg', 'instance', 'edges', 'descriptor'] as const;
const files = Object.fromEntries(
  names.map((name) => [name, createWriteStream(join(folder, `${name}.bin`))]),
);
const texts = createWriteStream(join(folder, 'texts.jsonl'));
const write = async (stream: typeof texts, chunk: Uint8Array | string): Promise<void> => {
  if (!stream.write(chunk)) await once(stream, 'drain');
};
for (const { scene, rendering, description } of examples(Number(firstSeed), Number(count))) {
  const { descriptor, caption, det, palette, metadata } = description;
  const arrays = { ...rendering, descriptor };
  for (const name of names) {
    const { buffer, byteOffset, byteLength } = arrays[name];
    await write(fieldOf(files, name, 'files'), new Uint8Array(buffer, byteOffset, byteLength));
  }
  const phrasings = phrasingsOf(scene);
  const line = { seed: scene.seed, caption, phrasings, det, palette, metadata };
  await write(texts, `${JSON.stringify(line)}\n`);
}
for (const stream of [...Object.values(files), texts]) stream.end();
