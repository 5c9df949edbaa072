/** Pictures that a model sees as pixels are decoded once, however often they are given. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { resolveModalities } from '../../shared/model/modalities.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { pixelTokens } from '../../worker/tasks/pixels.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { closeThreads } from '../../worker/threads/inThread.ts';

after(closeThreads);

const AT = '/inputs/rgb';
const modality = (side: number) => ({
  type: 'img',
  pixels: true,
  max_tokens: (side / 4) ** 2,
  input_size: side,
  patch_size: 4,
});
const modalities = resolveModalities(['rgb@8', 'rgb@512'], {
  'rgb@8': modality(8),
  'rgb@512': modality(512),
});
const model = { loaded: { fm: { modalities } } } as unknown as ServedModel;

async function patchesOf(level: number, name = 'rgb@8'): Promise<Float32Array> {
  const background = { r: level, g: level, b: level };
  const create = { width: 8, height: 8, channels: 3, background } as const;
  const picture = await inspectPicture(await sharp({ create }).png().toBuffer(), AT);
  const { content } = await pixelTokens(picture, name, model, AT, { signal: undefined });
  assert.ok(content.kind === 'rows');
  return content.rows;
}

test('the same picture has the same patches, also for those who ask at once; another has its own', async () => {
  const [first, ...others] = await Promise.all([patchesOf(1), patchesOf(1), patchesOf(2)]);
  assert.equal(others[0], first);
  assert.notDeepEqual(others[1], first);
  assert.equal(await patchesOf(1), first);
  assert.notEqual((await patchesOf(1, 'rgb@512')).length, first!.length);
});

test('what was used least recently is forgotten when there is much', async () => {
  const first = await patchesOf(1);
  const large = await patchesOf(3, 'rgb@512');
  // Each takes 3 MiB of 64.
  for (let level = 4; level < 26; level++) {
    await patchesOf(level, 'rgb@512');
    await patchesOf(1);
  }
  assert.equal(await patchesOf(1), first);
  assert.notEqual(await patchesOf(3, 'rgb@512'), large);
});
