/**
 * What a request costs is known before it runs: on the demo model, passes and units of real requests are
 * those that the plan alone told.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import { present } from '../../shared/lookup.ts';
import { dryRunResponse } from '../../shared/plan/dryRun.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoPicture, exportDemo } from '../support/demoSet.ts';

/** Of the pictures of a request, as the library that decodes them tells. */
async function pixelsOf({ inputs = {} }: GenerateRequestBody): Promise<number> {
  const sizes = Object.values(inputs).map(async (value) => {
    if (typeof value !== 'object' || !('data' in value)) return 0;
    const { width, height } = await sharp(Buffer.from(value.data, 'base64')).metadata();
    return width * height;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

describe('dry run', () => {
  let set: DemoSet;
  let model: ServedModel;
  let rgb: { data: string };
  let depth: { data: string };
  /** Tokens of a picture. */
  const grid = (): number =>
    present(
      model.description.modalities.find(({ name }) => name === 'depth'),
      'depth',
    ).tokens;
  before(async () => {
    set = await exportDemo();
    model = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), { threads: 1 }));
    const example = async (kind: string) => (await demoPicture(kind)).toString('base64');
    rgb = { data: await example('rgb') };
    depth = { data: await example('depth16') };
  });
  after(async () => {
    await model?.loaded.close();
    await set?.remove();
  });

  const both = async (body: GenerateRequestBody) => {
    const request = generateRequestSchema.parse(body);
    const plan = planRequest(request, model.description);
    const pixels = await pixelsOf(body);
    const told = dryRunResponse(plan, { id: 'id', seed: 3, model: 'demo', pixels });
    const { usage, outputs } = await runGenerate({ id: 'id', seed: 3, request }, model);
    return { told, usage, outputs };
  };
  const cases: readonly [string, () => GenerateRequestBody][] = [
    ['one step with guidance', () => ({ inputs: { rgb }, targets: ['depth'] })],
    [
      'unchained',
      () => ({ inputs: { rgb }, targets: ['depth', 'normal', 'semseg'], chained: false }),
    ],
    [
      'a chain of several steps, with samples',
      () => ({
        inputs: { rgb },
        targets: [
          { modality: 'depth', steps: 4, scheme: 'maskgit' },
          { modality: 'normal', steps: 3, scheme: 'roar', guidance_scale: 0 },
          { modality: 'semseg', steps: 2, guidance_scale: 1 },
        ],
        num_samples: 3,
      }),
    ],
    [
      'from text, unchained, with samples',
      () => ({
        inputs: { caption: 'a small red cube' },
        targets: [
          { modality: 'rgb', steps: 5 },
          { modality: 'depth', steps: 2, scheme: 'maskgit', guidance_scale: -1 },
        ],
        chained: false,
        num_samples: 2,
      }),
    ],
    [
      'weights for single inputs',
      () => ({
        inputs: { rgb, depth, caption: 'a small red cube' },
        targets: [
          { modality: 'normal', steps: 2, guidance: { caption: 2, depth: -1 } },
          { modality: 'semseg', guidance: { normal: 1, rgb: 0 } },
        ],
      }),
    ],
    [
      'a partial grid',
      () => ({
        inputs: {
          rgb,
          depth: { tokens: Array.from({ length: grid() }, (_, i) => (i < 40 ? i : null)) },
        },
        targets: [{ modality: 'depth', steps: 6, scheme: 'maskgit' }, 'normal'],
      }),
    ],
  ];
  for (const [name, body] of cases) {
    test(`passes and units are as told: ${name}`, async () => {
      const { told, usage } = await both(body());
      assert.equal(told.exact, true);
      assert.deepEqual(
        [usage.encoder_passes, usage.decoder_passes, usage.units],
        [told.usage.encoder_passes, told.usage.decoder_passes, told.usage.units],
      );
      assert.equal(usage.generated_tokens, told.usage.generated_tokens_at_most);
    });
  }

  test('sequences cost at most what was told, and are charged so', async () => {
    const targets = ['caption', { modality: 'det', guidance_scale: 2 }, 'depth'];
    const { told, usage } = await both({ inputs: { rgb }, targets });
    assert.equal(told.exact, false);
    assert.equal(usage.encoder_passes, told.usage.encoder_passes);
    assert.ok(usage.decoder_passes < told.usage.decoder_passes);
    assert.equal(usage.units, told.usage.units);
  });

  test('the plan says every setting, and the outputs come in its order', async () => {
    // Without what the checkpoint itself recommends, so that the published settings show.
    const modalities = model.description.modalities.map(({ recommended: _, ...entry }) => entry);
    const request = generateRequestSchema.parse({ inputs: { rgb }, preset: 'rgb-to-all' });
    const plan = planRequest(request, { ...model.description, modalities });
    const told = dryRunResponse(plan, { id: 'id', seed: 3, model: 'demo' });
    const { outputs } = await both({ inputs: { rgb }, preset: 'rgb-to-all' });
    assert.deepEqual(
      told.plan.map(({ target }) => target),
      Object.keys(outputs),
    );
    assert.ok(told.plan.length > 4);
    const [first] = told.plan;
    assert.equal(first!.target, 'depth');
    assert.deepEqual(first!.steps, [{ tokens: grid(), temperature: 0.01 }]);
    assert.deepEqual([first!.scheme, first!.top_p, first!.guidance], ['roar', 0.8, 2]);
  });

  test('one unit is a million parameters at one token, by hand', async () => {
    const { told } = await both({
      inputs: { rgb },
      targets: [{ modality: 'depth', guidance_scale: 1 }],
    });
    // 64 pixel patches are read, and the tokens of one grid are predicted.
    // And 64 x 64 pixels to decode.
    const units = Math.ceil(((64 + grid()) * model.description.parameters) / 1e6) + 4;
    assert.deepEqual([told.usage.units, told.usage.decoder_passes], [units, 1]);
  });
});
