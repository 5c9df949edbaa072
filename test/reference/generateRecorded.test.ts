/**
 * The whole generate task, from a PNG to tokens and text, on the demo checkpoints beside the repository:
 * greedy ids of every modality, and tokenizer ids of every kind of picture, are those that their own
 * PyTorch code recorded.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { encodePicture } from '../../worker/tasks/encodeValues.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, exportDemo } from '../support/demoSet.ts';
import { ints, readTensors, sharedPath, skipWithout } from '../support/shared.ts';

const PICTURES = ['depth', 'normal', 'semseg', 'rgb', 'scene_global'] as const;
const TEXTS = ['caption', 'det', 'color_palette'] as const;

describe('generate task on recorded checkpoints', {
  skip: skipWithout('demo', 'expected.safetensors'),
}, () => {
  let set: DemoSet;
  let model: ServedModel;
  let expected: Record<string, Tensor>;
  before(async () => {
    set = await exportDemo(sharedPath('demo'));
    model = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), { threads: 1 }));
    expected = await readTensors(sharedPath('demo', 'expected.safetensors'));
  });
  after(async () => {
    await model?.loaded.close();
    await set?.remove();
  });

  const example = (index: number, kind: string) =>
    readFile(sharedPath('demo', 'examples', `${index}_${kind}.png`));
  const rgb = async (index: number) => ({ data: (await example(index, 'rgb')).toString('base64') });
  const row = (name: string, index: number): number[] => {
    const { data, dims } = ints(expected, name);
    const size = data.length / dims[0]!;
    return Array.from(data.subarray(index * size, (index + 1) * size), Number);
  };
  const run = (body: GenerateRequestBody) =>
    runGenerate({ id: 'id', seed: 1, request: generateRequestSchema.parse(body) }, model);
  const greedy = { temperature: 0, guidance_scale: 1 };

  test('greedy ids of all modalities from a picture', async () => {
    for (const index of [0, 1, 2, 3]) {
      const targets = [...PICTURES, ...TEXTS].map((modality) => ({ modality, ...greedy }));
      const { outputs } = await run({ inputs: { rgb: await rgb(index) }, targets, chained: false });
      for (const name of PICTURES) {
        assert.deepEqual(outputs[name]![0]!.tokens, row(`tok_${name}.greedy_ids`, index), name);
      }
      for (const name of TEXTS) {
        // The record is padded to the longest row.
        const { tokens } = outputs[name]![0]!;
        const recorded = row(`${name}.greedy_ids`, index);
        const shared = Math.min(tokens.length, recorded.length);
        assert.ok(shared >= 5);
        assert.deepEqual(tokens.slice(0, shared), recorded.slice(0, shared), name);
      }
    }
  });

  test('text and values of a scene', async () => {
    const targets = TEXTS.map((modality) => ({ modality, ...greedy }));
    const { outputs } = await run({ inputs: { rgb: await rgb(1) }, targets, chained: false });
    assert.equal(outputs.caption![0]!.text, 'a small purple cylinder');
    assert.deepEqual(outputs.det![0]!.value, [
      { xmin: 32 / 63, ymin: 26 / 63, xmax: 32 / 63, ymax: 36 / 63, class: 'cylinder' },
    ]);
  });

  test('tokenizer ids of pictures, 16-bit depth and class colours among them', async () => {
    for (const [kind, file] of [
      ['rgb', 'rgb'],
      ['depth', 'depth16'],
      ['normal', 'normal'],
      ['semseg', 'semseg'],
    ] as const) {
      for (const index of [0, 3]) {
        const picture = await inspectPicture(await example(index, file), '/');
        const ids = await encodePicture(picture, `tok_${kind}@64`, model.loaded, '/');
        assert.deepEqual(ids, row(`tokenizer.${kind}.ids`, index), kind);
      }
    }
  });
});
