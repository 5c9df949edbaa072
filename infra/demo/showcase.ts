/**
 * Makes the pictures of the README: `examples/scene-N.png` (held-out scenes at their true size) and
 * `examples/predictions.png` (each scene with what a running server predicts from it). Also writes what the playground
 * shows first.
 * Usage: npm run build && node dist/infra/demo/showcase.js
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type OverlayOptions } from 'sharp';
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { createClient } from '../../shared/client/index.ts';
import { fieldOf, itemAt, present } from '../../shared/lookup.ts';
import { repositoryRoot, startStack } from '../stack.ts';
import { encodeRgb, toDataUrl } from './evaluate/pictures.ts';
import { writeFirstExample } from './firstExample.ts';
import { examples, FIRST_HELD_OUT_SEED } from './scene/scenes.ts';
import { RESOLUTION } from './scene/world.ts';

const CELL = 160;
const GAP = 8;
const CAPTION = 44;
const PICTURES = ['rgb', 'depth', 'normal', 'semseg', 'canny_edge'] as const;
type Outputs = GenerateResponse['outputs'];
const first = (outputs: Outputs, name: string): Outputs[string][number] =>
  itemAt(fieldOf(outputs, name, 'the answer'), 0, name);

const TITLES = ['input: rgb', 'depth', 'normal', 'semseg', 'canny_edge', 'caption -> rgb'];
/** Solids of each scene. */
const WANTED = [3, 2, 1, 3];

const folder = join(repositoryRoot, 'examples');
await mkdir(folder, { recursive: true });
const pool = [...examples(FIRST_HELD_OUT_SEED + 1_000_000, 60)];
const scenes = WANTED.map((count) => {
  const index = pool.findIndex((example) => example.scene.solids.length === count);
  return itemAt(pool.splice(index, 1), 0, 'scenes that fit');
});
const inputs = await Promise.all(
  scenes.map(({ rendering }) => encodeRgb(rendering.rgb, RESOLUTION)),
);
for (const [i, png] of inputs.entries()) {
  await writeFile(join(folder, `scene-${i + 1}.png`), png);
}

const escapeXml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const label = (text: string, width: number, size: number): Buffer =>
  Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${CAPTION}">` +
      `<text x="2" y="18" font-family="sans-serif" font-size="${size}" fill="#333">${escapeXml(text)}</text></svg>`,
  );
const enlarge = async (dataUrl: string): Promise<Buffer> =>
  await sharp(Buffer.from(dataUrl.slice(dataUrl.indexOf(',') + 1), 'base64'))
    .resize(CELL, CELL, { kernel: 'nearest' })
    .png()
    .toBuffer();

const dataFolder = await mkdtemp(join(tmpdir(), '4m-showcase-'));
const stack = await startStack({ port: 0, dataFolder });
try {
  const client = createClient({ baseUrl: stack.url });
  const width = TITLES.length * (CELL + GAP) + GAP;
  const rowHeight = CELL + CAPTION;
  const layers: OverlayOptions[] = TITLES.map((title, column) => ({
    input: label(title, CELL, 14),
    left: GAP + column * (CELL + GAP),
    top: 0,
  }));
  for (const [row, png] of inputs.entries()) {
    const { outputs } = await client.generate({
      inputs: { rgb: toDataUrl(png) },
      targets: ['depth', 'normal', 'semseg', 'canny_edge', 'caption'],
      chained: false,
    });
    const caption = first(outputs, 'caption').text ?? '';
    const painted = await client.generate({ inputs: { caption }, targets: ['rgb'] });
    const images = PICTURES.map((name) =>
      name === 'rgb'
        ? toDataUrl(png)
        : present(first(outputs, name).image, `the picture of ${name}`),
    );
    images.push(present(first(painted.outputs, 'rgb').image, 'the painted picture'));
    const top = 28 + row * rowHeight;
    for (const [column, image] of images.entries()) {
      layers.push({ input: await enlarge(image), left: GAP + column * (CELL + GAP), top });
    }
    layers.push({
      input: label(`caption: ${caption}`, width - GAP, 15),
      left: GAP,
      top: top + CELL + 4,
    });
  }
  await sharp({
    create: { width, height: 28 + WANTED.length * rowHeight, channels: 3, background: '#ffffff' },
  })
    .composite(layers)
    .png({ palette: true })
    .toFile(join(folder, 'predictions.png'));
  await writeFirstExample(client, 'scene-1.png', toDataUrl(itemAt(inputs, 0, 'inputs')));
} finally {
  await stack.close();
  await rm(dataFolder, { recursive: true, force: true });
}
