/**
 * Tokens in and out of real requests, on the demo model: chains that go on, pictures and texts that are
 * completed, targets of a further model, previews, deadlines.
 */
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
import { detokenizeRequestSchema, tokenizeRequestSchema } from '../../shared/api/tokens.ts';
import { tokenCounts } from '../../shared/schedule.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import {
  type GenerateTask,
  type LoadedTaskOptions,
  runGenerate,
} from '../../worker/tasks/generate.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { runDetokenize, runTokenize } from '../../worker/tasks/tokens.ts';
import { type DemoSet, demoPicture, exportDemo } from '../support/demoSet.ts';
import { unmarked } from '../support/unmarked.ts';

describe('tokens in and out', () => {
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

  const run = (
    body: GenerateRequestBody,
    options: LoadedTaskOptions = {},
    reused?: GenerateTask['reused'],
    of = model,
  ) =>
    runGenerate(
      { id: 'id', seed: 5, request: generateRequestSchema.parse(body), reused },
      of,
      options,
    );
  const tokenize = async (inputs: GenerateRequestBody['inputs']) =>
    (await runTokenize(tokenizeRequestSchema.parse({ inputs }), model)).inputs;

  test('tokenize answers ids that mean the picture, of pixels too', async () => {
    const { rgb: made, caption } = await tokenize({ rgb, caption: 'a small red cube' });
    assert.equal(made!.modality, 'tok_rgb@64');
    const tokens = { rgb: { tokens: made!.tokens } };
    const { outputs } = await runDetokenize(detokenizeRequestSchema.parse({ tokens }), model);
    const pixels = (png: Buffer): Promise<Buffer> => sharp(png).removeAlpha().raw().toBuffer();
    const given = await pixels(Buffer.from(rgb.data, 'base64'));
    const shown = await pixels(Buffer.from(outputs.rgb!.image!.split(',')[1]!, 'base64'));
    const error = given.reduce((sum, value, i) => sum + Math.abs(value - shown[i]!), 0);
    assert.ok(error / given.length < 12, `mean error ${error / given.length} of 255`);
    assert.equal(caption!.tokens.at(-1), model.text.specials.eos);
    const { rgb: hidden } = await tokenize({ rgb: { ...rgb, hide: { box: [0, 0, 0.5, 1] } } });
    const side = Math.sqrt(hidden!.tokens.length);
    const columns = hidden!.tokens.flatMap((id, i) => (id === null ? [i % side] : []));
    assert.equal(columns.length, (side * side) / 2);
    assert.ok(columns.every((column) => column < side / 2));
  });

  test('detokenize answers what generate made of the same tokens', async () => {
    const targets = ['depth', 'caption'];
    const { outputs } = await run({ inputs: { rgb }, targets });
    const tokens = Object.fromEntries(
      targets.map((name) => [name, { tokens: outputs[name]![0]!.tokens }]),
    );
    const request = detokenizeRequestSchema.parse({ tokens, seed: 5 });
    const decoded = await runDetokenize(request, model);
    for (const name of targets)
      assert.deepEqual(unmarked(decoded.outputs[name]!), unmarked(outputs[name]![0]!));
    const bare = await run({ inputs: { rgb }, targets, outputs: 'tokens' });
    assert.deepEqual(bare.outputs.depth![0], {
      modality: 'tok_depth@64',
      presentation: 'depth',
      sample: 0,
      tokens: outputs.depth![0]!.tokens,
    });
  });

  test('a chain that goes on makes what the whole chain makes', async () => {
    const body: GenerateRequestBody = {
      inputs: { rgb },
      targets: ['caption', { modality: 'depth', steps: 3, temperature: 2 }, 'normal', 'det'],
      num_samples: 2,
    };
    const whole = await run(body);
    for (const length of [1, 2, 3, 4]) {
      const reused = Object.values(whole.outputs)
        .slice(0, length)
        .map((samples) => ({
          modality: samples[0]!.modality,
          samples: samples.map(({ tokens }) => tokens),
        }));
      const rest = await run(body, {}, reused);
      assert.deepEqual(rest.outputs, whole.outputs, `${length} reused`);
      assert.equal(rest.reused_targets, length);
      assert.ok(rest.usage.encoder_passes < whole.usage.encoder_passes);
      assert.ok(rest.usage.units! < whole.usage.units!);
    }
    const wrong = [{ modality: 'tok_depth@64', samples: [[0], [0]] }];
    await assert.rejects(run(body, {}, wrong), FailureError);
  });

  test('unchained targets are what each is alone', async () => {
    const inputs = { caption: 'a large blue sphere' };
    const targets = [{ modality: 'rgb', steps: 6 }, { modality: 'depth', steps: 4 }, 'det'];
    const together = await run({ inputs, targets, chained: false, num_samples: 2 });
    for (const target of targets) {
      const alone = await run({ inputs, targets: [target], num_samples: 2 });
      const [[name, outputs]] = Object.entries(alone.outputs) as [[string, unknown]];
      assert.deepEqual(together.outputs[name], outputs, name);
    }
  });

  test('a partly hidden picture is completed; what was given stays', async () => {
    const { rgb: whole } = await tokenize({ rgb });
    const hide = { box: [0.25, 0.25, 0.75, 0.75] as [number, number, number, number] };
    const { outputs, usage } = await run({
      inputs: { rgb: { ...rgb, hide } },
      targets: [{ modality: 'rgb', steps: 8, scheme: 'maskgit' }],
    });
    const { tokens } = outputs.rgb![0]!;
    const side = Math.sqrt(tokens.length);
    const inside = (i: number): boolean =>
      [i % side, Math.floor(i / side)].every((x) => x >= side / 4 && x < (3 * side) / 4);
    for (const [i, id] of tokens.entries()) {
      if (!inside(i)) assert.equal(id, whole!.tokens[i]);
    }
    // Nothing is guidance over what is completed itself: one pass for each step that settles a token.
    const settling = tokenCounts('cosine', 8, tokens.length / 4).filter((count) => count > 0);
    assert.equal(usage.decoder_passes, settling.length);
    const partial = await run({
      inputs: { rgb: { tokens: whole!.tokens.map((id, i) => (inside(i) ? null : id)) } },
      targets: [{ modality: 'rgb', steps: 8, scheme: 'maskgit' }],
    });
    assert.deepEqual(partial.outputs.rgb![0]!.tokens, tokens, 'a partial grid is the same');
  });

  test('gaps of a text are filled', async () => {
    const { outputs } = await run({
      inputs: { rgb, caption: 'a [S_1] sphere' },
      targets: [{ modality: 'caption', temperature: 0 }],
    });
    const [first, last] = ['a', 'sphere'].map((word) => model.text.encode(word)[0]!);
    const { tokens } = outputs.caption![0]!;
    assert.equal(tokens[0], first);
    assert.deepEqual(tokens.slice(-2), [last, model.text.specials.eos]);
    assert.ok(tokens.length > 3);
  });

  test('a target that only another model has is made by it, from what the first one made', async () => {
    const targets = ['depth', { modality: 'semseg', steps: 2, temperature: 1 }];
    const whole = await run({ inputs: { rgb }, targets });
    const { description } = model;
    const without = (name: string, id: string): ServedModel => ({
      ...model,
      description: {
        ...description,
        id,
        modalities: description.modalities.map((entry) =>
          entry.name === name ? { ...entry, output: false } : entry,
        ),
      },
    });
    const [base, further] = [without('semseg', 'base'), without('depth', 'further')];
    const both = await run({ inputs: { rgb }, targets }, { models: [base, further] }, [], base);
    for (const [name, made] of Object.entries(whole.outputs))
      assert.deepEqual(both.outputs[name]!.map(unmarked), made.map(unmarked));
    assert.deepEqual(
      both.further_models!.map(({ id }) => id),
      ['further'],
    );
    const made = Object.values(whole.outputs).flatMap(([output]) => output!.tokens);
    assert.equal(both.usage.generated_tokens, made.length);
    const alone = run({ inputs: { rgb }, targets }, {}, [], base);
    await assert.rejects(alone, (error) => {
      assert.ok(error instanceof FailureError && error.failure.code === 'input_only');
      return true;
    });
  });

  test('previews: a picture with holes where nothing is yet', async () => {
    const seen: Progress[] = [];
    const targets = [{ modality: 'depth', steps: 8, scheme: 'maskgit' as const }, 'caption'];
    const options = { onProgress: (progress: Progress) => void seen.push(progress) };
    await run({ inputs: { rgb }, targets, previews: true }, options);
    const previews = seen.flatMap(({ preview }) => preview ?? []);
    assert.ok(previews.length >= 1);
    const png = Buffer.from(previews[0]!.split(',')[1]!, 'base64');
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [64, 64, 4]);
    const holes = Array.from({ length: 64 * 64 }, (_, i) => data[i * 4 + 3] === 0);
    const share = holes.filter(Boolean).length / holes.length;
    assert.ok(share > 0 && share < 1, 'some tokens are there, some are not');
    assert.ok(
      seen.every(({ preview, target }) => preview === undefined || target === 'depth'),
      'a preview names the target that it shows',
    );
    const plain: Progress[] = [];
    const whole = await run(
      { inputs: { rgb }, targets },
      { onProgress: (progress) => void plain.push(progress) },
    );
    // Each target is told when it is done, as it is answered, but for the exact values.
    const early = seen.flatMap(({ target, outputs }) =>
      outputs ? [[target, outputs] as const] : [],
    );
    assert.deepEqual(
      early.map(([target]) => target),
      ['depth', 'caption'],
    );
    for (const [target, outputs] of early) {
      const { data: _, data_type: __, array: ___, ...output } = whole.outputs[target]![0]!;
      assert.deepEqual(outputs, [output]);
    }
    assert.ok(plain.every(({ preview, outputs }) => preview === undefined && !outputs));
  });
});
