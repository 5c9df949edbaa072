/** What generated sequences mean where tokenizers stand behind them, and where these are not loaded. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import type { Tensor } from '../../worker/session/types.ts';
import { makeOutput, makeOutputs, mergeInstanceSamples } from '../../worker/tasks/outputs.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { decodeRle } from '../../worker/values/rle.ts';
import { fakeModel, fakeTokenizer } from '../support/publishedModel.ts';

const floats = (dims: readonly number[], values: readonly number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
});

/** Masks of 64 x 64: the first id says how many rows are inside; id 1000 is a mask without contrast. */
const masks = fakeTokenizer(
  { codebook_size: 1024 },
  {
    decode: ({ ids }) => {
      const [rows = 0, height, width] = ids!.dims as number[];
      assert.deepEqual([height, width], [4, 4]);
      const logits = Array.from({ length: rows }, (_, row) => {
        const inside = Number(ids!.data[row * 16]);
        return Array.from({ length: 4096 }, (_, i) => {
          if (inside === 1000) return 0.1;
          return Math.floor(i / 64) < inside ? 9 : -9;
        });
      });
      return { values: floats([rows, 1, 64, 64], logits.flat()) };
    },
  },
);
/** Bodies whose numbers are the first id and on. */
const bodies = fakeTokenizer(
  { codebook_size: 1024, dec_type: 'BottleneckMLP/B_6-Wi_1024', num_codebooks: 8 },
  {
    decode: ({ ids }) => {
      assert.deepEqual(ids!.dims.slice(1), [8]);
      const rows = Array.from({ length: ids!.dims[0]! }, (_, row) =>
        Array.from({ length: 207 }, (_, i) => Number(ids!.data[row * 8]) + i),
      );
      return { values: floats([rows.length, 207], rows.flat()) };
    },
  },
);
const model = fakeModel({ tok_sam_instance: masks, tok_human_poses: bodies });
const bare = fakeModel();
const presentTokens = (modality: string, ids: readonly number[], of: ServedModel) =>
  makeOutput(modality, ids, of, { seed: 0, sample: 0 });
const tokens = (text: string, of = model) => [...of.text.encode(text), 3];

const polygon = (box: readonly number[], first: number) => {
  const ids = [first, ...Array.from({ length: 15 }, () => 0)];
  const words = ids.map((id) => (id < 512 ? `v0=${id}` : `v1=${id - 512}`));
  return ['polygon', ...box.map((value, i) => `v${i}=${value}`), ...words].join(' ');
};
const pixels = async (url: string) =>
  await sharp(Buffer.from(url.split(',')[1]!, 'base64'))
    .raw()
    .toBuffer();

interface Annotation {
  readonly bbox: readonly number[];
  readonly area: number;
  readonly segmentation: { readonly size: readonly [number, number]; readonly counts: string };
  readonly votes?: number;
}
const instancesOf = (value: unknown) =>
  (value as { readonly instances: readonly Annotation[] }).instances;

describe('SAM instances', () => {
  const text = [
    `point v0=9 v1=5 ${polygon([100, 100, 164, 164], 32)}`,
    `point v0=1 v1=1 ${polygon([0, 0, 128, 64], 63)} ${polygon([0, 0, 20, 20], 1000)}`,
  ].join(' ');

  test('become masks of the picture, the largest first, and a picture of them', async () => {
    const { value, image, warnings } = await presentTokens('sam_instance', tokens(text), model);
    const [large, small, ...none] = instancesOf(value);
    assert.deepEqual(none, []);
    assert.deepEqual([large!.bbox, large!.area], [[0, 0, 128, 63], 128 * 63]);
    assert.deepEqual([small!.bbox, small!.area], [[100, 100, 64, 32], 64 * 32]);
    const mask = decodeRle(small!.segmentation)!;
    assert.deepEqual(
      [mask[100 * 224 + 100], mask[131 * 224 + 163], mask[132 * 224 + 163]],
      [1, 1, 0],
    );
    assert.deepEqual(warnings, ['1 mask without a clear shape left out']);
    const shown = await pixels(image!);
    assert.equal(shown.length, 224 * 224 * 3);
    const colourAt = (x: number, y: number) => [
      ...shown.subarray((y * 224 + x) * 3).subarray(0, 3),
    ];
    assert.deepEqual(colourAt(200, 200), [0, 0, 0]);
    assert.notDeepEqual(colourAt(5, 5), [0, 0, 0]);
    assert.notDeepEqual(colourAt(5, 5), colourAt(120, 110));
    const { points } = value as { readonly points: readonly { readonly point: unknown }[] };
    assert.deepEqual(
      points.map(({ point }) => point),
      [
        { x: 5, y: 9 },
        { x: 1, y: 1 },
      ],
    );
  });

  test('without their tokenizer come as boxes and tokens, and say so', async () => {
    const output = await makeOutput('sam_instance', tokens(text, bare), bare, {
      seed: 1,
      sample: 4,
    });
    const { points } = output.value as { readonly points: { readonly instances: unknown[] }[] };
    assert.deepEqual(
      points.map(({ instances }) => instances.length),
      [1, 2],
    );
    assert.equal(output.image, undefined);
    assert.equal(output.sample, 4);
    assert.deepEqual(output.warnings, [
      'no tokenizer is loaded that decodes masks of sam_instance',
    ]);
    assert.equal(output.text, text);
  });

  test('none at all are an empty picture', async () => {
    const { value, warnings, image } = await presentTokens(
      'sam_instance',
      tokens('point v0=1 v1=2 none'),
      model,
    );
    assert.deepEqual(instancesOf(value), []);
    assert.equal(warnings, undefined);
    assert.ok((await pixels(image!)).every((byte) => byte === 0));
  });

  test('of several samples become one set', async () => {
    const other = `point v0=3 v1=3 ${polygon([0, 0, 128, 64], 63)} ${polygon([10, 150, 74, 214], 63)}`;
    const samples = [tokens(text), tokens(other), tokens('point none')];
    const merged = await mergeInstanceSamples('sam_instance', samples, model);
    assert.deepEqual(
      instancesOf(merged!.value).map(({ bbox, votes }) => [bbox, votes]),
      [
        [[0, 0, 128, 63], 2],
        [[100, 100, 64, 32], 1],
        [[10, 150, 64, 63], 1],
      ],
    );
    assert.ok(merged!.image?.startsWith('data:image/png;base64,'));
    assert.equal(await mergeInstanceSamples('sam_instance', samples, bare), undefined);
    assert.equal(await mergeInstanceSamples('caption', samples, model), undefined);
  });
});

describe('human poses', () => {
  const person = (first: number) =>
    [
      'human v0=0 v1=0 v2=999 v3=999',
      ['pose', `v1=${first - 512}`, ...new Array(7).fill('v0=1')].join(' '),
      ['global', ...new Array(9).fill('v0=999')].join(' '),
      'camera v0=50 v1=50 v2=50',
      ['shape', ...new Array(10).fill('v0=500')].join(' '),
    ].join(' ');

  test('become SMPL parameters', async () => {
    const text = `${person(600)} ${person(700)}`;
    const { value, warnings } = await presentTokens('human_poses', tokens(text), model);
    const people = value as Record<string, unknown>[];
    assert.equal(warnings, undefined);
    assert.deepEqual(people[1]!.global_orient, [
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
    ]);
    const body = people[1]!.body_pose as number[][][];
    assert.equal(body.length, 23);
    assert.deepEqual(body[1], [
      [709, 710, 711],
      [712, 713, 714],
      [715, 716, 717],
    ]);
    assert.deepEqual(people[0]!.pose_tokens, [600, 1, 1, 1, 1, 1, 1, 1]);
    assert.ok(Math.abs((people[0]!.betas as number[])[0]! - 0.5 / 166.5) < 1e-12);
  });

  test('without their tokenizer come with everything else, and say so', async () => {
    const { value, warnings } = await presentTokens('human_poses', tokens(person(600), bare), bare);
    const [found] = value as Record<string, unknown>[];
    assert.deepEqual(Object.keys(found!).sort(), [
      ...['betas', 'camera', 'global_orient', 'pose_tokens', 'xmax', 'xmin', 'ymax', 'ymin'],
    ]);
    assert.deepEqual(warnings, ['no tokenizer is loaded that decodes body poses of human_poses']);
    const nobody = await presentTokens('human_poses', tokens('none', bare), bare);
    assert.deepEqual([nobody.value, nobody.warnings], [[], undefined]);
  });
});

describe('text', () => {
  test('comes as it is; what has no end says so', async () => {
    const [whole, cut] = await makeOutputs(
      'caption',
      [
        { sample: 0, ids: [...model.text.encode('a red cube'), 3, 250] },
        { sample: 1, ids: model.text.encode('a red') },
      ],
      model,
      { seed: 0 },
    );
    assert.deepEqual([whole!.text, whole!.warnings], ['a red cube', undefined]);
    assert.deepEqual(
      [cut!.text, cut!.warnings],
      ['a red', ['the text was cut at its longest length']],
    );
    assert.deepEqual([whole!.sample, cut!.sample], [0, 1]);
  });

  test('that is malformed is returned with its valid part and warnings', async () => {
    const { text, value, warnings } = await presentTokens(
      'det',
      tokens('so v0=1 v1=2 v2=3 v3=4 cat v0=1'),
      model,
    );
    assert.equal(text, 'so v0=1 v1=2 v2=3 v3=4 cat v0=1');
    assert.equal((value as unknown[]).length, 1);
    assert.equal(warnings?.length, 2);
  });
});
