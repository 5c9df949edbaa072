/**
 * Chains of several targets as the published pipelines run them: every target is emptied before the first
 * step, so that the encoder sees the opening sentinel of each text that is still to come. The reference's own
 * sampler, written out in `referenceSampler.ts`, says what is right.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import {
  type GenerateRequestBody,
  generateRequestSchema,
  type TargetSettings,
} from '../../shared/api/generate.ts';
import { fmManifestSchema } from '../../shared/model/manifest.ts';
import { costOf } from '../../shared/plan/cost.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { tokenCounts } from '../../shared/schedule.ts';
import { seededChance } from '../../worker/engine/sampling.ts';
import { loadModel, loadModelSet } from '../../worker/session/loadModels.ts';
import { startRuntime } from '../../worker/session/runtime.ts';
import { type GenerateTask, runGenerate } from '../../worker/tasks/generate.ts';
import { readInput } from '../../worker/tasks/inputs.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { range } from '../support/fmFeeds.ts';
import {
  emptyGrid,
  emptySequence,
  full,
  gappedSequence,
  partialGrid,
  type ReferenceChain,
  type ReferenceModel,
  runReference,
} from '../support/referenceSampler.ts';
import { serve } from '../support/serve.ts';

/** Tokens of a text on the demo model at most. */
const TEXT_LENGTH = 12;

describe('chains on the demo model', { skip: skipWithoutDemo() }, () => {
  const SEED = 11;
  const SAMPLES = 2;
  const own = (name: string): string =>
    ['depth', 'normal', 'semseg', 'rgb'].includes(name) ? `tok_${name}@64` : name;
  let set: DemoSet;
  let runtime: ReturnType<typeof startRuntime>;
  let model: ServedModel;
  let reference: ReferenceModel;
  let rgb: { data: string };
  let pixels: Float32Array[];
  before(async () => {
    set = await exportDemo(demoSource()!);
    const folder = join(set.modelsFolder, 'demo');
    model = await serveModel(await loadModelSet(folder, { threads: 1 }));
    runtime = startRuntime({ threads: 1 });
    const { manifest, graphs } = await loadModel(runtime, folder, 'fm', fmManifestSchema);
    const { specials } = model.text;
    reference = { manifest, ...graphs, isSentinel: specials.isSentinel };
    const raw = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i) % 251);
    const png = sharp(raw, { raw: { width: 64, height: 64, channels: 3 } }).png();
    rgb = { data: (await png.toBuffer()).toString('base64') };
    const { content } = await readInput('rgb', rgb, model);
    assert.ok(content.kind === 'rows');
    const { rows, width } = content;
    pixels = range(rows.length / width).map((i) => rows.subarray(i * width, (i + 1) * width));
  });
  after(async () => {
    await runtime?.close();
    await model?.loaded.close();
    await set?.remove();
  });

  const run = async (body: GenerateRequestBody, reused?: GenerateTask['reused']) => {
    const request = generateRequestSchema.parse({
      outputs: 'tokens',
      num_samples: SAMPLES,
      ...body,
    });
    return await runGenerate({ id: 'id', seed: SEED, request, reused }, model);
  };
  const tokensOf = ({ outputs }: Awaited<ReturnType<typeof run>>, sample: number) =>
    Object.fromEntries(
      Object.values(outputs).map((samples) => [samples[sample]!.modality, samples[sample]!.tokens]),
    );

  type Guidance = Pick<TargetSettings, 'guidance_scale' | 'guidance'>;
  const guided = (guidance_scale: number): Guidance => ({ guidance_scale });
  const picture = (modality: string, steps: number, guidance = guided(1)): TargetSettings => ({
    modality,
    scheme: 'roar',
    steps,
    temperature: 0,
    ...guidance,
  });
  const text = (modality: string, guidance = guided(1)): TargetSettings => ({
    modality,
    temperature: 0,
    max_tokens: TEXT_LENGTH,
    ...guidance,
  });

  /** What the reference's sampler makes of the same chain, for one sample. */
  async function referenceTokens(
    given: ReferenceChain['dict'],
    targets: readonly TargetSettings[],
    sample: number,
  ): Promise<Record<string, number[]>> {
    const { modalities } = reference.manifest;
    const empty = targets.map(({ modality }) => {
      const info = modalities[own(modality)]!;
      return [
        own(modality),
        info.type === 'img' ? emptyGrid(info.max_tokens) : emptySequence(TEXT_LENGTH + 1),
      ] as const;
    });
    const dict = { ...Object.fromEntries(empty), ...given };
    return await runReference(reference, {
      dict,
      conditions: Object.keys(given),
      shuffle: (positions, target, step) =>
        seededChance(SEED, sample).shuffle(positions, target, step),
      steps: targets.map((target) => {
        const modality = own(target.modality);
        const open = dict[modality]!.target.filter(Boolean).length;
        const weights = Object.entries(target.guidance ?? {}).map(([name, weight]) => [
          name === 'rgb' ? 'rgb@64' : own(name),
          weight,
        ]);
        const guidance = target.guidance ? Object.fromEntries(weights) : target.guidance_scale!;
        const counts = target.steps ? tokenCounts('linear', target.steps, open) : [null];
        return { target: modality, counts, guidance };
      }),
    });
  }

  const chains: Record<string, readonly TargetSettings[]> = {
    'texts between pictures': [
      picture('depth', 1),
      text('caption'),
      picture('semseg', 3),
      text('det'),
    ],
    'a guided chain': [
      picture('depth', 1, guided(2)),
      picture('normal', 2, guided(3)),
      text('caption', guided(2)),
      picture('semseg', 1, guided(2)),
      text('color_palette', guided(-0.5)),
    ],
    'a text first': [
      text('color_palette', guided(2)),
      picture('normal', 4, guided(0)),
      text('det'),
    ],
    'weights of single conditions': [
      picture('depth', 2, { guidance: { rgb: 2 } }),
      text('caption', { guidance: { rgb: 2, depth: -1 } }),
      picture('normal', 1, { guidance: { caption: 1.5, depth: 0.5, rgb: 0.5 } }),
      text('det'),
    ],
  };
  for (const [name, targets] of Object.entries(chains)) {
    test(`the task makes what the reference's sampler makes: ${name}`, async () => {
      const result = await run({ inputs: { rgb }, targets: [...targets] });
      for (let sample = 0; sample < SAMPLES; sample++) {
        const expected = await referenceTokens({ 'rgb@64': full(pixels) }, targets, sample);
        assert.deepEqual(tokensOf(result, sample), expected, `sample ${sample}`);
      }
    });
  }

  test('a text and a picture that are given in part are seen from the start', async () => {
    const [one, two] = [1, 2].map(model.text.specials.sentinel) as [number, number];
    const words = model.text.encode('a small red cube');
    const given = [words[0]!, one, words[2]!, two];
    const tokens = given.map((id) => (model.text.specials.isSentinel(id) ? null : id));
    const { max_tokens: places } = reference.manifest.modalities['tok_depth@64']!;
    const grid = range(places).map((i) => (i % 3 === 0 ? (i * 7) % 64 : null));
    const targets = [
      picture('normal', 2, guided(2)),
      picture('depth', 3, guided(2)),
      text('caption', guided(2)),
      text('det'),
    ];
    const result = await run({
      inputs: { rgb, depth: { tokens: grid }, caption: { tokens } },
      targets,
    });
    const dict = {
      'rgb@64': full(pixels),
      'tok_depth@64': partialGrid(grid),
      caption: gappedSequence(given, TEXT_LENGTH),
    };
    const expected = await referenceTokens(dict, targets, 0);
    assert.deepEqual(tokensOf(result, 0), expected);
  });

  test('unchained targets are each alone, and see no coming text', async () => {
    const targets = [picture('depth', 1, guided(2)), text('caption'), picture('normal', 2)];
    const result = await run({ inputs: { rgb }, targets, chained: false });
    const alone: Record<string, number[]> = {};
    for (const target of targets)
      Object.assign(alone, await referenceTokens({ 'rgb@64': full(pixels) }, [target], 0));
    assert.deepEqual(tokensOf(result, 0), alone);
  });

  test('a chain that goes on from reused targets makes what the whole chain makes', async () => {
    const targets = chains['a guided chain']!;
    const body = { inputs: { rgb }, targets: [...targets] };
    const whole = await run(body);
    for (const length of targets.keys()) {
      const reused = Object.values(whole.outputs)
        .slice(0, length)
        .map((samples) => ({
          modality: samples[0]!.modality,
          samples: samples.map(({ tokens }) => tokens),
        }));
      const rest = await run(body, reused);
      assert.deepEqual(rest.outputs, whole.outputs, `${length} reused`);
    }
  });

  test('over HTTP: a kept chain is gone on from where it led to the same, and never elsewhere', async () => {
    const { client, close } = await serve(set.modelsFolder);
    try {
      const targets = [picture('depth', 1), text('caption'), picture('semseg', 2)];
      const ask = async (length: number, keep: boolean) => {
        const body = { inputs: { rgb }, targets: targets.slice(0, length), seed: SEED, keep };
        const { outputs, reused_targets = 0 } = await client.generate(body);
        return { tokens: Object.values(outputs).map(([only]) => only!.tokens), reused_targets };
      };
      const uninterrupted = await ask(3, false);
      const alone = await ask(1, true);
      assert.notDeepEqual(alone.tokens[0], uninterrupted.tokens[0], 'the coming text matters');
      const two = await ask(2, true);
      assert.equal(two.reused_targets, 0, 'depth alone was made without a coming text');
      const three = await ask(3, true);
      assert.equal(three.reused_targets, 2);
      assert.deepEqual(three.tokens, uninterrupted.tokens);
    } finally {
      await close();
    }
  });

  test('a chain is told and charged with the sentinels that it sees', async () => {
    for (const targets of Object.values(chains)) {
      const body = { inputs: { rgb }, targets: [...targets], num_samples: SAMPLES };
      const request = generateRequestSchema.parse(body);
      const cost = costOf(planRequest(request, model.description), 0, 64 * 64);
      const { usage } = await run(body);
      assert.deepEqual([usage.encoder_passes, usage.units], [cost.encoderPasses, cost.units]);
    }
  });
});
