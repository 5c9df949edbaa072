import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  type GenerateRequest,
  generateRequestSchema,
  type TargetSettings,
  targetSchema,
} from '../../shared/api/generate.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { canonicalJson, sha256 } from '../../shared/results/content.ts';
import { chainKeys, generateKey } from '../../shared/results/keys.ts';
import { base } from '../support/describedModels.ts';
import { fc } from '../support/properties.ts';

const model = { id: 'm', digest: 'abc' };
const request = (body: object) =>
  generateRequestSchema.parse({ inputs: { caption: 'x' }, targets: ['depth', 'rgb'], ...body });
const id = async (body: object, of = model) => (await generateKey(of, request(body))).id;

test('sha256 is that of node:crypto', async () => {
  const expected = createHash('sha256').update('größe').digest('hex');
  assert.equal(await sha256('größe'), expected);
});

test('canonical JSON: order of keys and absent fields do not matter, values do', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      // -0 is 0 in JSON.
      const plain = JSON.parse(JSON.stringify(value));
      const reversed = Object.fromEntries(Object.entries(plain).reverse());
      assert.equal(canonicalJson(reversed), canonicalJson({ ...plain }));
      assert.deepEqual(JSON.parse(canonicalJson(plain)), plain);
    }),
  );
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: undefined }], a: 'x' }),
    '{"a":"x","b":[1,{"d":null}]}',
  );
  assert.throws(() => canonicalJson({ a: Number.NaN }), /no form/);
});

test('the key of a known request, written out by hand', async () => {
  const { id, seed } = await generateKey(model, request({}));
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  const written = (answered: string, answeredLater = '', seed = ''): string =>
    hash(
      `{"chained":true,"further":[],"inputs":{"caption":{"kind":"text","sha256":"${hash('x')}"}},` +
        `${answered}"model":{"digest":"abc","id":"m"},"num_samples":1,${answeredLater}${seed}` +
        '"targets":[{"modality":"depth"},{"modality":"rgb"}],"task":"generate","version":4}',
    );
  assert.equal(seed, Number.parseInt(written('').slice(0, 8), 16));
  assert.equal(id, written('"keep":false,', '"outputs":"values",', `"seed":${seed},`));
});

test('defaults written out, and the derived seed, give the same key', async () => {
  const { id: plain, seed } = await generateKey(model, request({}));
  assert.equal(await id({ chained: true, num_samples: 1, model: 'm' }), plain);
  assert.equal(await id({ targets: [{ modality: 'depth' }, 'rgb'] }), plain);
  assert.equal(await id({ inputs: { caption: { text: 'x' } } }), plain);
  assert.equal(await id({ seed }), plain);
});

test('everything that changes the result changes the key', async () => {
  const ids = await Promise.all([
    id({}),
    id({}, { id: 'm', digest: 'abd' }),
    id({}, { id: 'n', digest: 'abc' }),
    id({ targets: ['rgb', 'depth'] }),
    id({ targets: ['depth'] }),
    id({ targets: [{ modality: 'depth', steps: 3 }, 'rgb'] }),
    id({ chained: false }),
    id({ num_samples: 2 }),
    id({ seed: 1 }),
    id({ inputs: { caption: 'y' } }),
    id({ inputs: { rgb: 'x' } }),
    id({ inputs: { caption: { data: btoa('x') } } }),
    id({ inputs: { caption: { tokens: [1] } } }),
    id({ inputs: { caption: { tokens: [1, 2] } } }),
    id({ inputs: { caption: { tokens: [1, null] } } }),
    id({ inputs: { caption: { value: [1] } } }),
    id({ inputs: { caption: { ref: `sha256:${'0'.repeat(64)}` } } }),
    id({ inputs: { caption: { tokens: [1], hide: { box: [0, 0, 1, 1] } } } }),
    id({ inputs: { caption: { tokens: [1], hide: { mask: btoa('x') } } } }),
    id({ inputs: { caption: { tokens: [1], hide: { mask: btoa('y') } } } }),
    id({ inputs: { caption: { tokens: [1], hide: { mask: btoa('y'), hides: 'transparent' } } } }),
  ]);
  assert.equal(new Set(ids).size, ids.length);
  const said = { caption: { tokens: [1], hide: { mask: btoa('y'), hides: 'white' } } };
  assert.ok(ids.includes(await id({ inputs: said })), 'what is said is the same as what is meant');
});

/** One other value for each field of a request; `harmless` ones change nothing of the result. */
const OTHER: Readonly<Record<keyof GenerateRequest, unknown>> = {
  model: 'harmless',
  dry_run: 'harmless',
  deadline_ms: 'harmless',
  previews: 'harmless',
  webhook: 'harmless',
  webhook_events_filter: 'harmless',
  preset: 'rgb-to-all',
  inputs: { caption: 'other' },
  targets: ['normal'],
  chained: false,
  seed: 5,
  num_samples: 2,
  keep: true,
  outputs: 'tokens',
};
const HARMLESS = {
  model: 'm',
  dry_run: true,
  deadline_ms: 60,
  previews: true,
  webhook: 'https://receiver.example/hook',
  webhook_events_filter: ['job.failed'],
};
const OTHER_SETTING: Readonly<Record<keyof TargetSettings, unknown>> = {
  modality: 'normal',
  scheme: 'maskgit',
  steps: 2,
  token_schedule: 'linear',
  temperature: 0.5,
  temperature_schedule: 'linear',
  top_k: 3,
  top_p: 0.5,
  guidance_scale: 3,
  guidance: { caption: 2 },
  max_tokens: 4,
};

test('every field of a request changes the key, or is known to be harmless', async () => {
  assert.deepEqual(
    Object.keys(OTHER).sort(),
    Object.keys(generateRequestSchema.shape).sort(),
    'a new field is listed here',
  );
  const plain = await id({});
  for (const [field, value] of Object.entries(OTHER)) {
    const harmless = value === 'harmless';
    const key = await id({ [field]: harmless ? HARMLESS[field as keyof typeof HARMLESS] : value });
    assert.equal(key === plain, harmless, field);
  }
  assert.deepEqual(
    Object.keys(OTHER_SETTING).sort(),
    Object.keys(targetSchema.shape).sort(),
    'a new setting is listed here',
  );
  for (const [field, value] of Object.entries(OTHER_SETTING)) {
    const target = { modality: 'depth', [field]: value };
    assert.notEqual(await id({ targets: [target, 'rgb'] }), plain, field);
  }
});

test('what is kept or left undecoded does not change the seed; a further model changes the key', async () => {
  const plain = await generateKey(model, request({}));
  const kept = await generateKey(model, request({ keep: true, outputs: 'tokens' }));
  assert.equal(kept.seed, plain.seed);
  const further = await generateKey(model, request({}), undefined, [{ id: 's', digest: 'e' }]);
  assert.notEqual(further.id, plain.id);
});

test('a random seed is drawn, and found again only by the seed that was drawn', async () => {
  const plain = await generateKey(model, request({}));
  const drawn = await generateKey(model, request({ seed: 'random' }), () => 42);
  assert.equal(drawn.seed, 42);
  assert.notEqual(drawn.id, plain.id);
  assert.equal(drawn.id, await id({ seed: 42 }));
});

test('a finished target is found again by what led to it, the texts still to come among it', async () => {
  const links = async (...targets: string[]) => {
    const chain = request({ inputs: { metadata: 'v1=1' }, targets });
    return await chainKeys(chain, planRequest(chain, base), 5);
  };
  const [depth, caption] = await links('depth', 'caption');
  const longer = await links('depth', 'caption', 'normal');
  assert.deepEqual(longer.slice(0, 2), [depth, caption], 'a coming picture shows nothing');
  const [alone] = await links('depth');
  assert.notEqual(alone, depth);
  const [first] = await links('depth', 'caption', 'det');
  const [swapped] = await links('depth', 'det', 'caption');
  assert.equal(first, swapped);
  assert.equal(new Set([alone, depth, first]).size, 3);
});
