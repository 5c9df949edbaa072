/**
 * Text formats and masks against what the reference's own code wrote, read and drew (test/cases/formats.json,
 * see the README beside it).
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { type Box, formatBoxes, parseBoxes } from '../../worker/text/boxes.ts';
import { formatInstances, parseInstances } from '../../worker/text/instances.ts';
import { formatMetadata, parseMetadata } from '../../worker/text/metadata.ts';
import { formatPalette } from '../../worker/text/palette.ts';
import { formatPoses, parsePoses } from '../../worker/text/poses.ts';
import { groupInstances, paint } from '../../worker/values/instances.ts';
import { encodeRle } from '../../worker/values/rle.ts';
import { REPOSITORY } from '../support/shared.ts';

const numbers = z.array(z.number());
const fields = z.record(z.string(), z.number());
const box = z.object({
  xmin: z.number(),
  ymin: z.number(),
  xmax: z.number(),
  ymax: z.number(),
  class: z.string(),
});
const text = z.string();
const casesSchema = z.object({
  metadata: z.array(z.object({ fields, text })),
  metadata_read: z.array(z.object({ fields, text })),
  boxes: z.array(z.object({ boxes: z.array(box), read: z.array(box), text })),
  poses: z.array(
    z.object({
      people: z.array(
        z.object({ box: numbers, glob: numbers, pose: numbers, shape: numbers, cam: numbers }),
      ),
      text,
    }),
  ),
  palettes: z.array(z.object({ channels: numbers, text })),
  instances: z.array(z.object({ text })),
  masks: z.array(z.object({ text, top: z.array(z.string()) })),
});
const file = join(REPOSITORY, 'test/cases/formats.json');
const cases = casesSchema.parse(JSON.parse(readFileSync(file, 'utf8')));

describe('as the reference writes and reads', () => {
  test('metadata', () => {
    for (const { fields: given, text: written } of cases.metadata)
      assert.equal(formatMetadata(given), written);
    for (const { fields: expected, text: written } of cases.metadata_read) {
      const { value, warnings } = parseMetadata(written);
      assert.deepEqual(warnings, []);
      assert.deepEqual(Object.keys(value), Object.keys(expected));
      for (const [name, number] of Object.entries(expected))
        assert.ok(Math.abs(value[name]! - number) < 1e-12, name);
    }
  });

  test('boxes', () => {
    for (const { boxes, read, text: written } of cases.boxes) {
      assert.equal(formatBoxes(boxes as Box[], 1000), written);
      assert.deepEqual(parseBoxes(written, 1000), { value: read, warnings: [] });
    }
  });

  test('palettes', () => {
    const two = (channel: number) => channel.toString(16).padStart(2, '0');
    for (const { channels, text: written } of cases.palettes) {
      const colours = Array.from({ length: channels.length / 3 }, (_, i) =>
        channels.slice(3 * i, 3 * i + 3).map(two),
      );
      const hex = colours.map((colour) => `#${colour.join('')}`);
      assert.equal(formatPalette(hex, 1000), written);
    }
  });

  test('poses, whose groups the reference shuffles', () => {
    const sorted = (written: string) => written.split(/ (?=[a-z]+ v)/).sort();
    for (const { people, text: written } of cases.poses) {
      const given = people.map(({ box: [xmin, ymin, xmax, ymax], glob, pose, shape, cam }) => ({
        ...{ xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! },
        global_orient: glob,
        pose_tokens: pose,
        betas: shape,
        camera: cam,
      }));
      assert.deepEqual(sorted(formatPoses(given)), sorted(written));
      const { value, warnings } = parsePoses(written);
      assert.deepEqual(warnings, []);
      assert.deepEqual(
        value.map(({ pose_tokens }) => pose_tokens),
        people.map(({ pose }) => pose),
      );
    }
  });

  test('instances', () => {
    for (const { text: written } of cases.instances) {
      const { value, warnings } = parseInstances(written);
      assert.deepEqual(warnings, []);
      assert.equal(formatInstances(value), written);
    }
  });
});

/** The masks that stood for the tokenizer's when the cases were recorded: ellipses by the first five ids. */
function ellipse(ids: readonly number[]): Float32Array {
  const [a, b, c, d, e] = ids as [number, number, number, number, number];
  const [x, y, across, down] = [a % 64, b % 64, 6 + (c % 40), 6 + (d % 40)];
  const height = e % 4 === 3 ? 1 : 9;
  return Float32Array.from({ length: 64 * 64 }, (_, i) => {
    const [dx, dy] = [((i % 64) - x) / across, (Math.floor(i / 64) - y) / down];
    const logit = Math.min(Math.max(height * (1 - dx ** 2 - dy ** 2), -12), 12);
    return 1 / (1 + Math.exp(-logit));
  });
}

test('masks as the reference draws them: faint ones dropped, doubles averaged, the largest below', () => {
  for (const { text: written, top } of cases.masks) {
    const found = parseInstances(written).value.flatMap(({ instances }) => instances);
    const soft = found.map((instance) => ({
      box: instance,
      mask: ellipse(instance.mask_tokens),
    }));
    const visible = new Int32Array(224 * 224).fill(-1);
    const masks = groupInstances(soft).map((instance) => paint(instance));
    for (const [index, mask] of masks.entries())
      for (let i = 0; i < mask.length; i++) if (mask[i] === 1) visible[i] = index;
    const layers = top.map((_, index) =>
      encodeRle(
        Array.from(visible, (layer) => (layer === index ? 1 : 0)),
        224,
        224,
      ),
    );
    assert.deepEqual(
      layers.map(({ counts }) => counts),
      top,
    );
    assert.ok(visible.every((layer) => layer < top.length));
  }
});
