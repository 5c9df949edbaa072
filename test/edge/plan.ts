/** Dry runs, presets, and what is refused before a worker is asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { dryRunResponseSchema, type GenerateRequestBody } from '../../shared/api/generate.ts';
import type { ProblemCode } from '../../shared/api/problem.ts';
import { createClient } from '../../shared/client/index.ts';
import { PNG_URL } from '../support/fakeWorker.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

export function planTests(f: Fixture): void {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const rgb = PNG_URL;

  test('a dry run tells the plan and its cost, and asks no worker to run', async () => {
    const before = f.worker.asked.length;
    const request: GenerateRequestBody = {
      inputs: { rgb },
      targets: [
        { modality: 'depth', steps: 4, scheme: 'maskgit', guidance: { rgb: 2 } },
        'caption',
      ],
    };
    const told = await createClient({ baseUrl: f.url }).dryRun(request);
    assert.equal(f.worker.asked.length, before);
    assert.deepEqual(told.plan[0], {
      target: 'depth',
      modality: 'tok_depth@64',
      model: 'fake',
      scheme: 'maskgit',
      tokens: 16,
      // Half a cosine over four steps leaves 13.7, 8 and 2.3 of 16.
      steps: [2, 6, 6, 2].map((tokens) => ({ tokens, temperature: 0.01 })),
      temperature: 0.01,
      top_k: 0,
      top_p: 0.8,
      guidance: { 'rgb@64': 2 },
    });
    // Two states a step, with and without rgb, and in each the sentinel of the coming caption; what is
    // predicted from that alone is free. The caption reads rgb, depth and its sentinel, and writes 32. A
    // token-step weighs 1 here.
    const reads = [17, 19, 25, 31, 3, 9, 15, 33];
    const predicts = [16, 14, 14, 8, 8, 2, 2, 32];
    const units = [...reads, ...predicts].reduce((sum, tokens) => sum + tokens, 0);
    assert.equal(told.usage.encoder_passes, 9);
    assert.equal(told.usage.decoder_passes, 8 + 32);
    assert.equal(told.usage.units, units);
    assert.equal(told.usage.generated_tokens_at_most, 48);
    assert.equal(told.exact, false, 'the caption may end earlier');
    // It has the seed and the name that the run will have.
    const run = await post(request);
    assert.equal(run.headers.get('x-4m-result'), told.id);
    assert.equal(run.headers.get('x-4m-seed'), String(told.seed));
  });

  test('the pixels of pictures and masks are charged, a unit for every thousand', async () => {
    const unitsOf = async (value: object) => {
      const body = { inputs: { rgb: value }, targets: ['depth'], dry_run: true };
      return dryRunResponseSchema.parse(await (await post(body)).json()).usage.units;
    };
    const picture = async (width: number, height: number, format: 'png' | 'jpeg' | 'webp') => {
      const create = { width, height, channels: 3, background: '#888' } as const;
      const bytes = await sharp({ create }).toFormat(format).toBuffer();
      return bytes.toString('base64');
    };
    const least = await unitsOf({ data: await picture(10, 10, 'png') });
    for (const format of ['png', 'jpeg', 'webp'] as const)
      assert.equal(await unitsOf({ data: await picture(300, 200, format) }), least + 60, format);
    const mask = await picture(400, 100, 'png');
    const hidden = await unitsOf({ data: mask, hide: { mask } });
    const plain = await unitsOf({
      data: await picture(10, 10, 'png'),
      hide: { mask: await picture(10, 10, 'png') },
    });
    assert.equal(hidden, plain + 80);
  });

  test('a preset names targets and settings; a request overrides field by field', async () => {
    const tell = async (body: unknown) =>
      dryRunResponseSchema.parse(await (await post({ dry_run: true, ...(body as object) })).json());
    const all = await tell({ inputs: { rgb }, preset: 'rgb-to-all' });
    assert.deepEqual(
      all.plan.map(({ target }) => target),
      ['depth', 'caption'],
    );
    const fewer = await tell({
      inputs: { caption: 'x' },
      preset: 'anything-to-rgb',
      targets: [{ modality: 'rgb', temperature: 7 }],
    });
    const [target] = fewer.plan;
    assert.equal(
      target!.steps.length,
      16,
      'the 25 steps of the preset are more than there are tokens',
    );
    assert.equal(target!.temperature, 7);
    assert.equal(target!.guidance, 2);
    const answer = await post({ inputs: { rgb }, preset: 'anything-to-rgb' });
    const problem = await problemOf(answer, 'unknown_target');
    assert.equal(problem.errors![0]!.pointer, '/preset');
  });

  const grid = Array.from({ length: 16 }, () => 1);
  const cases: readonly [string, object, ProblemCode, string][] = [
    ['preset', { preset: 'all' }, 'invalid_request', '/preset'],
    ['deadline', { deadline_ms: 10 }, 'invalid_request', '/deadline_ms'],
    ['samples', { num_samples: 17 }, 'invalid_request', '/num_samples'],
    [
      'steps',
      { targets: [{ modality: 'depth', steps: 17 }] },
      'invalid_target',
      '/targets/0/steps',
    ],
    [
      'guidance of nothing',
      { targets: [{ modality: 'depth', guidance: { caption: 1 } }] },
      'invalid_guidance',
      '/targets/0/guidance/caption',
    ],
    [
      'guidance twice',
      { targets: [{ modality: 'depth', guidance: { rgb: 1 }, guidance_scale: 2 }] },
      'invalid_guidance',
      '/targets/0/guidance_scale',
    ],
    [
      'weight',
      { targets: [{ modality: 'depth', guidance: { rgb: 1e9 } }] },
      'invalid_request',
      '/targets/0/guidance/rgb',
    ],
    [
      'hidden text',
      { inputs: { caption: { tokens: [1], hide: { box: [0, 0, 1, 1] } } } },
      'invalid_input',
      '/inputs/caption/hide',
    ],
    [
      'box',
      { inputs: { rgb: { tokens: grid, hide: { box: [0.5, 0, 0.5, 1] } } } },
      'invalid_request',
      '/inputs/rgb/hide/box',
    ],
    [
      'mask',
      { inputs: { rgb: { tokens: grid, hide: [{ mask: 'AAAA' }] } } },
      'invalid_image',
      '/inputs/rgb/hide/0/mask',
    ],
    ['ref', { inputs: { rgb: { ref: 'sha256:1' } } }, 'invalid_request', '/inputs/rgb/ref'],
    [
      'a complete target',
      { inputs: { rgb: { tokens: grid } }, targets: ['rgb'] },
      'invalid_request',
      '/targets/0',
    ],
    ['a model that is not loaded', { targets: ['rgb@448'] }, 'unknown_target', '/targets/0'],
  ];
  for (const [name, change, code, pointer] of cases) {
    test(`refused before any pass: ${name}`, async () => {
      const before = f.worker.asked.length;
      const answer = await post({ inputs: { rgb }, targets: ['depth'], ...change });
      const problem = await problemOf(answer, code);
      assert.equal(problem.errors![0]!.pointer, pointer);
      assert.equal(f.worker.asked.length, before);
    });
  }

  test('a partial grid and a hidden part may be targets themselves', async () => {
    const tell = async (body: object) =>
      dryRunResponseSchema.parse(await (await post({ dry_run: true, ...body })).json());
    const partial = { tokens: [...grid.slice(4), null, null, null, null] };
    const plan = await tell({ inputs: { rgb: partial }, targets: [{ modality: 'rgb', steps: 4 }] });
    assert.equal(plan.plan[0]!.tokens, 4);
    const boxed = { tokens: grid, hide: { box: [0, 0, 0.3, 0.3] } };
    const hidden = await tell({ inputs: { rgb: boxed }, targets: ['rgb'] });
    assert.equal(hidden.plan[0]!.tokens, 4, 'the box touches two cells on each side');
    assert.equal(hidden.exact, true);
    const data = { data: PNG_URL.split(',')[1], hide: { mask: PNG_URL.split(',')[1] } };
    const masked = await tell({ inputs: { rgb: data }, targets: ['rgb'] });
    assert.deepEqual([masked.plan[0]!.tokens, masked.exact], [16, false]);
  });
}
