/** The embed task on the demo model, from pictures and texts to vectors. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  type EmbedRequestBody,
  embedRequestSchema,
  embedResponseSchema,
} from '../../shared/api/embed.ts';
import type { GenerateRequestBody } from '../../shared/api/generate.ts';
import { FailureError } from '../../shared/api/problem.ts';
import { costOfEmbed, planEmbed } from '../../shared/plan/embed.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { runEmbed } from '../../worker/tasks/embed.ts';
import { itemFeatures } from '../../worker/tasks/features.ts';
import { runGenerate } from '../../worker/tasks/generate.ts';
import { predictEmbeddings } from '../../worker/tasks/predictEmbeddings.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { normalised } from '../../worker/tasks/vectors.ts';
import { type DemoSet, demoPicture, exportDemo } from '../support/demoSet.ts';

const bytes = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

describe('embed task', () => {
  let set: DemoSet;
  let model: ServedModel;
  let items: { inputs: GenerateRequestBody['inputs'] }[];
  before(async () => {
    set = await exportDemo();
    model = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), { threads: 1 }));
    const picture = async (kind: string) => ({
      data: (await demoPicture(kind)).toString('base64'),
    });
    const [rgb, depth] = [await picture('rgb'), await picture('depth16')];
    items = [
      { inputs: { rgb } },
      { inputs: { depth } },
      { inputs: { rgb, caption: 'a red cube' } },
      { inputs: { caption: 'a large green cone' } },
      ...['red', 'blue', 'green', 'yellow', 'purple', 'red'].map((colour) => ({
        inputs: { caption: `a ${colour} sphere` },
      })),
      { inputs: { caption: 'cube' } },
      { inputs: { rgb: { ...rgb, hide: { box: [0, 0, 0.5, 0.5] } } } },
    ];
  });
  after(async () => {
    await model?.close();
    await set?.remove();
  });

  const run = (body: EmbedRequestBody) => {
    const request = embedRequestSchema.parse(body);
    const seeds = (request.items ?? [request]).map((_, i) => i);
    return runEmbed({ id: 'id', seeds, request }, model);
  };
  const placed = () => items.map((item, i) => ({ ...item, at: `/items/${i}`, seed: i }));

  test('features: together they have the bytes that each item has alone', async () => {
    const together = await itemFeatures(placed(), model);
    for (const [i, item] of placed().entries()) {
      const [alone] = await itemFeatures([item], model);
      assert.equal(bytes(together[i]!), bytes(alone!), `item ${i}`);
    }
  });

  for (const settings of [{}, { steps: 4 }, { samples: 3, steps: 2, scheme: 'roar' as const }]) {
    test(`predicted with ${JSON.stringify(settings)}: together as alone`, async () => {
      const target = 'scene_global';
      const together = await predictEmbeddings(placed(), target, settings, model);
      for (const [i, item] of placed().entries()) {
        const [alone] = await predictEmbeddings([item], target, settings, model);
        assert.equal(bytes(together[i]!.vector), bytes(alone!.vector), `item ${i}`);
        assert.deepEqual(together[i]!.samples, alone!.samples);
      }
    });
  }

  test('a predicted embedding is what generate answers for the same settings', async () => {
    const inputs = items[0]!.inputs;
    const target = { modality: 'scene_global', scheme: 'maskgit', steps: 1, temperature: 0 };
    const { outputs } = await runGenerate(
      {
        id: 'id',
        seed: 0,
        request: {
          inputs,
          targets: [{ ...target, scheme: 'maskgit', guidance_scale: 1, top_p: 0 }],
          chained: true,
          num_samples: 1,
        },
      },
      model,
    );
    const generated = outputs.scene_global![0]!;
    const [{ samples, vector } = { samples: [], vector: new Float32Array() }] =
      await predictEmbeddings([{ inputs, at: '', seed: 0 }], 'scene_global', {}, model);
    assert.deepEqual(samples[0], generated.tokens);
    const value = Float32Array.from(generated.value as number[]);
    const scale = Math.max(...value.map(Math.abs));
    for (const [i, own] of vector.entries()) assert.ok(Math.abs(own - value[i]!) < 1e-5 * scale);
  });

  test('encodings say the same vector', async () => {
    const inputs = items[0]!.inputs;
    const ask = async (encoding: 'float32' | 'int8' | 'binary', format: 'array' | 'base64') => {
      const answer = await run({ inputs, target: 'scene_global', encoding, format });
      return embedResponseSchema.parse(answer).items[0]!.embedding!;
    };
    const numbers = Float32Array.from((await ask('float32', 'array')).values as number[]);
    const raw = Buffer.from((await ask('float32', 'base64')).values as string, 'base64');
    assert.equal(bytes(numbers), raw.toString('hex'));
    assert.ok(Math.abs(Math.hypot(...numbers) - 1) < 1e-6);
    const int8 = await ask('int8', 'array');
    for (const [i, value] of (int8.values as number[]).entries())
      assert.ok(Math.abs(value * int8.scale! - numbers[i]!) <= int8.scale! / 2 + 1e-9);
    const small = Buffer.from((await ask('int8', 'base64')).values as string, 'base64');
    assert.deepEqual([...new Int8Array(small)], int8.values);
    const bits = await ask('binary', 'array');
    const told = (bits.values as number[]).flatMap((byte) =>
      [...byte.toString(2).padStart(8, '0')].map(Number),
    );
    const positive = [...numbers].map((value) => (value > 0 ? 1 : 0));
    assert.deepEqual(told.slice(0, numbers.length), positive);
    assert.equal(told.length, 8 * Math.ceil(numbers.length / 8));
    const packed = Buffer.from((await ask('binary', 'base64')).values as string, 'base64');
    assert.deepEqual([...packed], bits.values);
  });

  test('features of tokens, of modalities and of all are means of each other', async () => {
    const inputs = items[2]!.inputs;
    const ask = (features: 'tokens' | 'modalities' | 'mean') =>
      run({ inputs, features, normalise: false });
    const [tokens, modalities, mean] = [
      (await ask('tokens')).items[0]!.tokens!,
      (await ask('modalities')).items[0]!.modalities!,
      (await ask('mean')).items[0]!.embedding!.values as number[],
    ];
    const meanOf = (rows: readonly (readonly number[])[]): number[] =>
      rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
    const near = (a: readonly number[], b: readonly number[]) => {
      for (const [i, value] of a.entries()) assert.ok(Math.abs(value - b[i]!) < 1e-5);
    };
    const rowsOf = (name: string) => tokens[name]!.vectors.map(({ values }) => values as number[]);
    assert.deepEqual(Object.keys(tokens).sort(), ['caption', 'rgb']);
    assert.equal(tokens.rgb!.positions.length, 64);
    for (const name of ['rgb', 'caption'])
      near(modalities[name]!.values as number[], meanOf(rowsOf(name)));
    near(mean, meanOf([...rowsOf('rgb'), ...rowsOf('caption')]));
  });

  test('samples are averaged on the sphere, and how far they agree is told', async () => {
    const inputs = { caption: 'a sphere' };
    const answer = await run({ inputs, target: 'scene_global', samples: 8 });
    const { embedding, agreement } = answer.items[0]!;
    assert.ok(agreement! > 0 && agreement! < 1, String(agreement));
    const item = { inputs, at: '', seed: 0 };
    const [all] = await predictEmbeddings([item], 'scene_global', { samples: 8 }, model);
    const own = Float32Array.from(embedding!.values as number[]);
    assert.equal(bytes(own), bytes(normalised(all!.vector)));
  });

  test('passes and units are those that the plan told', async () => {
    for (const settings of [
      { target: 'scene_global' },
      { target: 'scene_global', steps: 4, samples: 3, guidance_scale: 2 },
      { features: 'mean' as const },
    ]) {
      const body = { items: items.slice(0, 6), ...settings };
      const { usage } = await run(body);
      const request = embedRequestSchema.parse(body);
      const plan = await planEmbed(request, model.description);
      const pixels = 4 * 64 * 64;
      const cost = costOfEmbed(plan, pixels);
      assert.ok(cost.exact);
      assert.equal(usage.encoder_passes, cost.encoderPasses, JSON.stringify(settings));
      assert.equal(usage.decoder_passes, cost.decoderPasses);
      assert.ok(usage.units! > 0);
    }
  });

  test('every item that only the worker can see to be wrong is named', async () => {
    const bad = { rgb: { data: Buffer.from('no picture').toString('base64') } };
    const good = { caption: 'a red cube' };
    const error = await run({
      items: [{ inputs: good }, { inputs: bad }, { inputs: good }, { inputs: bad }],
      target: 'scene_global',
    }).catch((reason: unknown) => reason);
    assert.ok(error instanceof FailureError);
    assert.equal(error.failure.code, 'invalid_image');
    const pointers = error.failure.errors?.map(({ pointer }) => pointer);
    assert.deepEqual(pointers, ['/items/1/inputs/rgb', '/items/3/inputs/rgb']);
  });
});
