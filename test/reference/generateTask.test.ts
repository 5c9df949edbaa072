/** The whole generate task, from a PNG to tokens and text, on the demo model. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import {
  type GenerateRequestBody,
  generateRequestSchema,
  type Progress,
} from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { workerGenerateResponseSchema } from '../../shared/api/worker.ts';
import { inspectPicture } from '../../worker/image/inspect.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { encodePicture } from '../../worker/tasks/encodeValues.ts';
import { runGenerate, type TaskOptions } from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoPicture, exportDemo } from '../support/demoSet.ts';

describe('generate task', () => {
  let set: DemoSet;
  let model: ServedModel;
  let rgb: { data: string };
  before(async () => {
    set = await exportDemo();
    model = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), { threads: 1 }));
    rgb = { data: (await demoPicture('rgb')).toString('base64') };
  });
  after(async () => {
    await model?.loaded.close();
    await set?.remove();
  });

  const run = (body: GenerateRequestBody, seed = 1, options: TaskOptions = {}) =>
    runGenerate({ id: 'id', seed, request: generateRequestSchema.parse(body) }, model, options);
  const greedy = { temperature: 0, guidance_scale: 1 };

  test('a class picture given back is read as the same classes', async () => {
    const targets = [{ modality: 'semseg', ...greedy }];
    const { outputs } = await run({ inputs: { rgb }, targets });
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
    const targets = [
      { modality: 'depth', steps: 4, scheme: 'maskgit' as const, guidance_scale: 2 },
      { modality: 'semseg', steps: 1, guidance_scale: 2 },
    ];
    const { usage, outputs } = await run({ inputs: { rgb }, targets }, 1, {
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    assert.deepEqual(fractions, [0.2, 0.4, 0.6, 0.8, 1]);
    // Guided: with and without the inputs at each of the five steps. The second target's state without
    // its inputs is as empty as the first one's, and is not encoded again.
    assert.deepEqual([usage.encoder_passes, usage.decoder_passes], [9, 10]);
    const made = Object.values(outputs).flatMap(([output]) => output!.tokens);
    assert.equal(usage.generated_tokens, made.length);
  });

  test('what is told of a picture that lacks little, or nothing, is what was done', async () => {
    const hidden = async (box: [number, number, number, number], width: number) => {
      const picture = sharp({ create: { width, height: 64, channels: 3, background: '#805020' } });
      const data = (await picture.png().toBuffer()).toString('base64');
      const told: Progress[] = [];
      const targets = [{ modality: 'rgb', steps: 12, temperature_schedule: 'linear' }];
      const body = { inputs: { rgb: { data, hide: { box } } }, targets, previews: true };
      const response = await run(body, 1, { onProgress: (progress) => told.push(progress) });
      return { told, response };
    };
    const little = await hidden([0, 0, 0.1, 0.1], 64);
    const open = little.response.schedule?.[0]?.steps.length ?? 0;
    assert.ok(open < 12);
    const { step, steps, fraction } = little.told.at(-1) ?? {};
    assert.deepEqual([step, steps, fraction], [open, open, 1]);
    // The model sees the middle of it, and the box hides its left edge.
    const nothing = await hidden([0, 0, 0.1, 1], 256);
    assert.equal(nothing.response.schedule?.[0]?.tokens, 0);
    assert.equal(workerGenerateResponseSchema.safeParse(nothing.response).success, true);
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
    const normals = { data: (await demoPicture('normal')).toString('base64') };
    assert.deepEqual(await refusal({ semseg: normals }), ['invalid_input', '/inputs/semseg']);
  });
});
