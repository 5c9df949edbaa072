/** A diffusion tokenizer decoding several samples at once, and what is shown of its values. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import type { DivaeManifest } from '../../shared/model/manifest.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { LoadedTokenizer } from '../../worker/session/types.ts';
import { decodeMany, decodeTokens } from '../../worker/tasks/decodeTokens.ts';
import { makeOutputs } from '../../worker/tasks/outputs.ts';
import type { ServedModel } from '../../worker/tasks/servedModel.ts';
import { type ExportedModel, exportedDivae, temporaryFolder } from '../support/exported.ts';
import { fakeModel } from '../support/publishedModel.ts';
import { TINY_CODES, tinyDivae } from '../support/tinyDivae.ts';
import { writeTiny } from '../support/tinyModel.ts';

const entry = (presentation: ModalityInfo['presentation']): ModalityInfo => ({
  type: 'img',
  pixels: false,
  vocab_size: TINY_CODES,
  max_tokens: 4,
  input_size: 16,
  patch_size: 8,
  coord_bins: 1000,
  presentation,
  tokenizer: 'tok_tiny',
});
const DEPTH = 'tok_depth@16';
const EDGE = 'tok_edge@16';
const samples = Array.from({ length: 10 }, (_, i) => ({
  sample: i,
  ids: [i % TINY_CODES, 0, 6 - (i % 7), 2],
}));
const fromUrl = (url: string) => Buffer.from(url.split(',')[1]!, 'base64');

describe('several samples of a diffusion tokenizer', () => {
  let exported: ExportedModel<DivaeManifest>;
  let folder: string;
  let model: ServedModel;
  const runs: number[] = [];
  before(async () => {
    folder = await temporaryFolder();
    const file = join(folder, 'tok.safetensors');
    await writeTiny(file, tinyDivae());
    exported = await exportedDivae(file);
    const { encoder, codebook, denoiser } = exported.graphs;
    const counting: typeof denoiser = {
      ...denoiser,
      run: (feeds, outputs) => {
        runs.push(feeds.sample!.dims[0]!);
        return denoiser.run(feeds, outputs);
      },
    };
    const { manifest } = exported;
    const tokenizer: LoadedTokenizer = {
      kind: 'divae',
      manifest,
      encoder,
      codebook,
      denoiser: counting,
    };
    model = fakeModel({ tok_tiny: tokenizer }, { [DEPTH]: entry('depth'), [EDGE]: entry('edge') });
  });
  after(async () => {
    await exported?.close();
    await rm(folder, { recursive: true });
  });

  test('are what each is alone, in one run a step for up to eight', async () => {
    runs.length = 0;
    const options = { seed: 5, steps: 3 };
    const together = await decodeMany(samples, DEPTH, model.loaded, options);
    // Trailing steps of 1000 in threes: 999, 666, 333, 0.
    const steps = 4;
    assert.deepEqual(runs, [...new Array(steps).fill(8), ...new Array(steps).fill(2)]);
    for (const [i, { ids, sample }] of samples.entries()) {
      const alone = await decodeTokens(ids, DEPTH, model.loaded, { ...options, sample });
      const { data, ...shape } = together![i]!;
      assert.deepEqual(shape, { channels: 1, height: 16, width: 16 });
      const error = Math.max(...data.map((value, j) => Math.abs(value - alone!.data[j]!)));
      assert.ok(error < 1e-5, `sample ${i}: ${error}`);
    }
    assert.notDeepEqual(together![0]!.data, together![7]!.data, 'noise of its own');
  });

  test('values from -1 to 1 are shown as depth over 16 bits and as grey edges', async () => {
    const options = { seed: 5, steps: 3 };
    const [values] = (await decodeMany(samples.slice(0, 1), DEPTH, model.loaded, options))!;
    const [low, high] = [Math.min(...values!.data), Math.max(...values!.data)];
    assert.ok(low >= -1 && high <= 1 && high - low > 0.1, `${low} to ${high}`);
    const [depth] = await makeOutputs(DEPTH, samples.slice(0, 1), model, options);
    assert.equal(depth!.data_type, 'image/png');
    const { data } = await sharp(fromUrl(depth!.data!))
      .toColourspace('grey16')
      .raw({ depth: 'ushort' })
      .toBuffer({ resolveWithObject: true });
    const stored = new Uint16Array(new Uint8Array(data).buffer);
    for (const [i, value] of values!.data.entries()) {
      const expected = ((value - low) / (high - low)) * 65535;
      assert.ok(Math.abs(stored[i]! - expected) <= 1, `pixel ${i}`);
    }
    const edges = (await decodeMany(samples.slice(0, 1), EDGE, model.loaded, options))![0]!;
    const [edge] = await makeOutputs(EDGE, samples.slice(0, 1), model, options);
    const grey = await sharp(fromUrl(edge!.image!)).toColourspace('b-w').raw().toBuffer();
    for (const [i, value] of edges.data.entries())
      assert.ok(Math.abs(grey[i]! - ((value + 1) / 2) * 255) <= 0.51, `pixel ${i}`);
  });

  test('stop between two steps', async () => {
    const controller = new AbortController();
    const signal = controller.signal;
    runs.length = 0;
    const pending = decodeMany(samples, DEPTH, model.loaded, { seed: 5, steps: 50, signal });
    controller.abort(new Error('enough'));
    await assert.rejects(pending, /enough/);
    assert.ok(runs.length < 10);
  });
});
