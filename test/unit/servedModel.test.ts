/** How a model's own modality names become public ones, and what each accepts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fmConfigSchema } from '../../shared/model/config.ts';
import type { FmManifest, ModelSet, VqManifest } from '../../shared/model/manifest.ts';
import { resolveModalities } from '../../shared/model/modalities.ts';
import type { LoadedTokenizer } from '../../worker/session/types.ts';
import { describeModel } from '../../worker/tasks/servedModel.ts';

const domainsIn = [
  'rgb@224',
  'tok_rgb@224',
  'tok_clip@224',
  'caption',
  't5_caption',
  'tok_rgb@448',
];
const domainsOut = ['tok_rgb@224', 'tok_clip@224', 'caption', 'tok_rgb@448', 'tok_depth@224'];
const common = { format: 1, licence: 'none', parameters: 10, digest: 'd', exporter: '' } as const;
const fm: FmManifest = {
  ...common,
  id: 'fm',
  kind: 'fm',
  precision: 'fp32',
  weights: [],
  check: { outputs: '', milliseconds: 0 },
  graphs: {
    encoder: { file: '', bytes: 0 },
    decoder: { file: '', bytes: 0 },
    generate: { file: '', bytes: 0 },
  },
  config: fmConfigSchema.parse({
    domains_in: domainsIn,
    domains_out: domainsOut,
    dim: 8,
    encoder_depth: 1,
    decoder_depth: 1,
    num_heads: 1,
    act_layer: 'SiLU',
  }),
  modalities: resolveModalities([...domainsIn, ...domainsOut]),
};
const set: ModelSet = {
  format: 1,
  id: 'sr',
  licence: 'none',
  fm: 'fm',
  tokenizers: {},
  text_tokenizer: 'tokenizer.json',
  digest: 'd',
};
const tokenizer = (parameters: number) =>
  ({ manifest: { parameters } as VqManifest }) as LoadedTokenizer;
const tokenizers = { tok_rgb: tokenizer(5), tok_clip: tokenizer(0) };
const model = describeModel({ fm, set, tokenizers });
const entry = (name: string) => model.modalities.find((modality) => modality.name === name);

test('pixels and tokens of one picture are one name; a second size keeps its size', () => {
  assert.deepEqual(
    model.modalities.map(({ name, modalities }) => [name, modalities]),
    [
      ['rgb', ['rgb@224', 'tok_rgb@224']],
      ['clip', ['tok_clip@224']],
      ['caption', ['caption']],
      ['t5_caption', ['t5_caption']],
      ['rgb@448', ['tok_rgb@448']],
      ['depth', ['tok_depth@224']],
    ],
  );
  assert.deepEqual([entry('rgb')!.vocabulary, entry('rgb')!.tokens], [16384, 196]);
  assert.equal(model.parameters, 15);
});

test('a modality accepts the forms there is a way in for', () => {
  assert.deepEqual(entry('rgb')!.accepts, ['image', 'tokens']);
  assert.deepEqual(entry('clip')!.accepts.includes('image'), false, 'features are no pixels');
  assert.deepEqual(entry('caption')!.accepts, ['text', 'value', 'tokens']);
  assert.deepEqual(entry('t5_caption')!.accepts, ['file']);
  assert.deepEqual([entry('t5_caption')!.input, entry('t5_caption')!.output], [true, false]);
  assert.deepEqual([entry('depth')!.input, entry('depth')!.output], [false, true]);
});
