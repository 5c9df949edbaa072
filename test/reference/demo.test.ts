/**
 * The demo checkpoints (real training, half-precision tokenizers), exported as a set, against what their
 * PyTorch code computed.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportSet } from '../../worker/export/exportSet.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import type { FloatTensor, LoadedModelSet, Tensor } from '../../worker/session/types.ts';
import { temporaryFolder } from '../support/exported.ts';
import { decoderFeeds, encoderFeeds, longs, patches, type Row, range } from '../support/fmFeeds.ts';
import {
  floats,
  ints,
  REPOSITORY,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;
const IMAGES = 4;
const START = 5; // [S_1]
const EOS = 3;

const argMaxRows = ({ data, dims }: FloatTensor): number[] => {
  const width = dims.at(-1)!;
  return range(data.length / width).map((row) => {
    const values = data.subarray(row * width, (row + 1) * width);
    return values.indexOf(Math.max(...values));
  });
};

describe('demo checkpoints', { skip: skipWithout('demo', 'fm.safetensors') }, () => {
  let folder: string;
  let set: LoadedModelSet;
  let expected: Record<string, Tensor>;
  let pictures: Float32Array[][];

  before(async () => {
    folder = await temporaryFolder();
    const described = JSON.parse(await readFile(sharedPath('demo/modalities.json'), 'utf8')) as {
      modalities: Record<string, unknown>;
      vit_presets: Record<string, unknown>;
    };
    await exportSet(sharedPath('demo'), join(folder, 'set'), {
      id: 'demo',
      licence: 'Apache-2.0',
      modalityInfo: described.modalities,
      vitPresets: described.vit_presets,
    });
    set = await loadModelSet(join(folder, 'set'), { threads: 1, plain: true });
    expected = await readTensors(sharedPath('demo/expected.safetensors'));
    const { data } = floats(expected, 'rgb_input');
    const size = data.length / IMAGES;
    pictures = range(IMAGES).map((i) => patches(data.subarray(i * size, (i + 1) * size), 64, 8));
  });
  after(async () => {
    await set?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const seen = (extra: Row = {}): Row[] =>
    pictures.map((content) => ({ 'rgb@64': { content, positions: range(64) }, ...extra }));

  const close = (actual: Tensor | undefined, name: string) => {
    const reference = floats(expected, name);
    assert.deepEqual(actual?.dims, reference.dims);
    const error = relativeError(floats({ actual: actual! }, 'actual').data, reference.data);
    assert.ok(error <= TOLERANCE, `${name}: error ${error.toExponential(2)} of the scale`);
  };

  test('four pictures: features, context, depth logits', async () => {
    const input = encoderFeeds(set.fm, seen());
    const { features, context } = await set.plain!.encoder.run(input.feeds);
    close(features, 'encoder_output');
    close(context, 'decoder_context');
    const targets = { 'tok_depth@64': seen().map(() => ({ positions: range(64) })) };
    const decoded = await set.plain!.decoder.run(
      decoderFeeds(set.fm, targets, context!, input.mask, false),
    );
    close(decoded['tok_depth@64.logits'], 'tok_depth.logits');
  });

  for (const name of [
    'tok_rgb@64',
    'tok_depth@64',
    'tok_normal@64',
    'tok_semseg@64',
    'tok_scene_global',
  ]) {
    test(`greedy ${name} in one step`, async () => {
      const input = encoderFeeds(set.fm, seen());
      const { context } = await set.plain!.encoder.run(input.feeds, ['context']);
      const positions = range(set.fm.modalities[name]!.max_tokens);
      const targets = { [name]: seen().map(() => ({ positions })) };
      const feeds = decoderFeeds(set.fm, targets, context!, input.mask, false);
      const decoded = await set.plain!.decoder.run(feeds, [`${name}.logits`]);
      assert.deepEqual(
        argMaxRows(floats(decoded, `${name}.logits`)),
        Array.from(ints(expected, `${name.split('@')[0]}.greedy_ids`).data, Number),
      );
    });
  }

  for (const name of ['caption', 'det', 'color_palette']) {
    test(`greedy ${name}, token by token`, async () => {
      const input = encoderFeeds(set.fm, seen({ [name]: { content: [START], positions: [0] } }));
      const { context } = await set.plain!.encoder.run(input.feeds, ['context']);
      const reference = ints(expected, `${name}.greedy_ids`);
      const length = reference.dims[1]!;
      const texts: number[][] = range(IMAGES).map(() => [START]);
      for (let step = 0; step < length; step++) {
        const positions = range(step + 1);
        const targets = { [name]: texts.map((ids) => ({ ids, positions })) };
        const feeds = decoderFeeds(set.fm, targets, context!, input.mask, true);
        const decoded = await set.plain!.decoder.run(feeds, [`${name}.logits`]);
        const best = argMaxRows(floats(decoded, `${name}.logits`));
        texts.forEach((ids, row) => {
          ids.push(best[row * (step + 1) + step]!);
        });
      }
      texts.forEach((ids, row) => {
        const text = Array.from(reference.data.subarray(row * length, (row + 1) * length), Number);
        const end = text.includes(EOS) ? text.indexOf(EOS) + 1 : length;
        assert.deepEqual(ids.slice(1, end + 1), text.slice(0, end), `picture ${row}`);
      });
    });
  }

  for (const stem of ['tok_rgb', 'tok_depth', 'tok_normal', 'tok_semseg', 'tok_scene_global']) {
    test(`tokenizer ${stem}`, async () => {
      const name = `tokenizer.${stem.replace('tok_', '')}`;
      const { encoder, decoder } = vqTokenizer(set, stem);
      const feeds = { [encoder.signature.inputs[0]!.name]: expected[`${name}.input`]! };
      const { ids } = await encoder.run(feeds);
      assert.deepEqual(ids, ints(expected, `${name}.ids`));
      close((await decoder.run({ ids: ids! })).values, `${name}.decoded`);
    });
  }
});

function vqTokenizer(set: LoadedModelSet, stem: string) {
  const tokenizer = set.tokenizers[stem];
  if (tokenizer?.kind !== 'vqvae') throw new Error(`no VQ tokenizer ${stem}`);
  return tokenizer;
}

const ownModel = join(REPOSITORY, 'infra/demo/model');
test("the repository's own demo model describes itself", {
  skip: existsSync(join(ownModel, 'fm.safetensors')) ? false : `no model in ${ownModel}`,
}, async (t) => {
  const folder = await temporaryFolder();
  t.after(() => rm(folder, { recursive: true }));
  await exportSet(ownModel, join(folder, 'set'));
  const set = await loadModelSet(join(folder, 'set'), { threads: 1, plain: true });
  t.after(() => set.close());
  for (const [name, { tokenizer, max_tokens, vocab_size }] of Object.entries(set.fm.modalities)) {
    if (!tokenizer) continue;
    const { manifest, decoder } = vqTokenizer(set, tokenizer);
    assert.equal(manifest.config.codebook_size, vocab_size, name);
    const side = Math.sqrt(max_tokens);
    const dims = decoder.signature.inputs[0]!.dims.length === 3 ? [1, side, side] : [1, max_tokens];
    const { values } = await decoder.run({ ids: longs(range(max_tokens).fill(0), dims) });
    assert.ok(floats({ values: values! }, 'values').data.every(Number.isFinite), name);
  }
});
