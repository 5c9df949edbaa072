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
import { FailureError } from '../../shared/api/problem.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { loadModelSet } from '../../worker/session/registry.ts';
import type { Tensor } from '../../worker/session/types.ts';
import { runGenerate, type TaskOptions } from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { encodePicture } from '../../worker/tasks/tokenizers.ts';
import { type DemoSet, exportDemo } from '../support/demoSet.ts';
import { ints, readTensors, sharedPath, skipWithout } from '../support/shared.ts';

const PICTURES = ['depth', 'normal', 'semseg', 'rgb', 'scene_global'] as const;
const TEXTS = ['caption', 'det', 'color_palette'] as const;

describe('generate task', { skip: skipWithout('demo', 'expected.safetensors') }, () => {
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
  const run = (body: GenerateRequestBody, seed = 1, options: TaskOptions = {}) =>
    runGenerate({ id: 'id', seed, request: generateRequestSchema.parse(body) }, model, options);
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

  test('a class picture given back is read as the same classes', async () => {
    const targets = [{ modality: 'semseg', ...greedy }];
    const { outputs } = await run({ inputs: { rgb: await rgb(0) }, targets });
    const { image, data } = outputs.semseg![0]!;
    const ids = await Promise.all(
      [image!, data!].map(async (url) => {
        const bytes = Buffer.from(url.split(',')[1]!, 'base64');
        const picture = await inspectPicture(bytes, '/');
        return await encodePicture(picture, 'tok_semseg@64', model.loaded, '/');
      }),
    );
    assert.deepEqual(ids[0], ids[1]);
  });

  test('the same seed gives the same result, alone or beside other samples; another seed does not', async () => {
    const body = {
      inputs: { caption: 'a small red cube' },
      targets: [{ modality: 'rgb', steps: 4 }, 'depth'],
    };
    const alone = await run(body);
    const three = await run({ ...body, num_samples: 3 });
    const tokens = (result: typeof alone, sample: number) =>
      Object.values(result.outputs).map((outputs) => outputs[sample]!.tokens);
    assert.deepEqual(tokens(three, 0), tokens(alone, 0));
    assert.notDeepEqual(tokens(three, 1), tokens(alone, 0));
    assert.notDeepEqual(tokens(await run(body, 2), 0), tokens(alone, 0));
    assert.equal(three.outputs.rgb!.length, 3);
  });

  test('progress rises to the end, and passes are counted', async () => {
    const fractions: number[] = [];
    const targets = [{ modality: 'depth', steps: 4, scheme: 'maskgit' as const }, 'semseg'];
    const { usage } = await run({ inputs: { rgb: await rgb(0) }, targets }, 1, {
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    assert.deepEqual(fractions, [0.2, 0.4, 0.6, 0.8, 1]);
    // Guided: with and without the inputs at each of the five steps. The second target's state without
    // its inputs is as empty as the first one's, and is not encoded again.
    assert.deepEqual([usage.encoder_passes, usage.decoder_passes], [9, 10]);
    assert.equal(usage.generated_tokens, 128);
  });

  test('what only the worker can see is refused by code and pointer', async () => {
    const refusal = async (inputs: GenerateRequestBody['inputs']) => {
      const error = await run({ inputs, targets: ['normal'] }).catch((reason: unknown) => reason);
      assert.ok(error instanceof FailureError);
      return [error.failure.code, error.failure.errors?.[0]?.pointer];
    };
    assert.deepEqual(await refusal({ rgb: 'aGVsbG8=' }), ['invalid_image', '/inputs/rgb']);
    assert.deepEqual(await refusal({ caption: ' ' }), ['invalid_input', '/inputs/caption']);
    const long = 'cube '.repeat(40);
    assert.deepEqual(await refusal({ caption: long }), ['invalid_input', '/inputs/caption']);
    const normals = { data: (await example(0, 'normal')).toString('base64') };
    assert.deepEqual(await refusal({ semseg: normals }), ['invalid_input', '/inputs/semseg']);
  });
});
