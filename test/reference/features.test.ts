/**
 * Features of the encoder as the scheduler gives them: those of the PyTorch code, and the same bytes whatever shares
 * their runs, from the graph that generates as from the encoder alone.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { createScheduler, type Scheduler } from '../../worker/batching/scheduler.ts';
import { compareFm } from '../../worker/compare/fm.ts';
import { pixelsOf } from '../../worker/compare/fmInputs.ts';
import { createReport } from '../../worker/compare/report.ts';
import { fullTokens, type TokenState, type VisibleTokens } from '../../worker/engine/tokenState.ts';
import type { GraphSession, Tensor } from '../../worker/session/types.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { choices, randomInputs } from '../support/mixes.ts';
import { REPOSITORY, readTensors, sharedPath, skipWithout } from '../support/shared.ts';

const features = async (scheduler: Scheduler, states: readonly TokenState[]) => {
  const lane = scheduler.join();
  try {
    return await lane.features(states);
  } finally {
    lane.leave();
  }
};

/** Rows of the encoder's padded feeds as states. */
function statesOf(
  { config }: FmManifest,
  feeds: Readonly<Record<string, Tensor>>,
): { readonly states: TokenState[]; readonly kept: readonly number[][] } {
  const mask = feeds.mask!;
  const [rows = 0, length = 0] = mask.dims;
  const states = Array.from({ length: rows }, () => new Map<string, VisibleTokens>());
  const kept: number[][] = states.map(() => []);
  let start = 0;
  for (const name of config.domains_in) {
    const positions = feeds[`${name}.positions`]!;
    const content =
      feeds[`${name}.ids`] ?? feeds[`${name}.patches`] ?? feeds[`${name}.embeddings`]!;
    const count = positions.dims[1]!;
    for (const [row, state] of states.entries()) {
      const own = Array.from({ length: count }, (_, i) => i).filter(
        (i) => mask.data[row * length + start + i] === 0,
      );
      if (own.length === 0) continue;
      kept[row]!.push(...own.map((i) => start + i));
      const width = content.dims[2] ?? 1;
      const at = (i: number) => (row * count + i) * width;
      const values = (i: number) => Array.from(content.data.slice(at(i), at(i) + width), Number);
      state.set(name, {
        positions: own.map((i) => Number(positions.data[row * count + i])),
        content:
          content.type === 'float32'
            ? { kind: 'rows', width, rows: Float32Array.from(own.flatMap(values)) }
            : { kind: 'ids', ids: own.flatMap(values) },
      });
    }
    start += count;
  }
  return { states, kept };
}

/** The scheduler in place of the encoder graph: padded feeds in, padded features out. */
const asEncoder = (manifest: FmManifest, generate: GraphSession): GraphSession => ({
  ...generate,
  async run(feeds) {
    const { states, kept } = statesOf(manifest, feeds);
    const own = await features(createScheduler(manifest, generate), states);
    const { dim } = manifest.config;
    const [rows = 0, length = 0] = feeds.mask!.dims;
    const data = new Float32Array(rows * length * dim);
    for (const [row, values] of own.entries())
      for (const [i, place] of kept[row]!.entries())
        data.set(values.subarray(i * dim, (i + 1) * dim), (row * length + place) * dim);
    return { features: { type: 'float32', dims: [rows, length, dim], data } };
  },
});

for (const folder of ['fm_swiglu_nobias', 'fm_swiglu_qknorm_nobias']) {
  describe(folder, { skip: skipWithout('reference', folder) }, () => {
    const path = (name: string) => sharedPath('reference', folder, name);
    let model: ExportedModel<FmManifest>;
    before(async () => {
      model = await exportedFm(path('weights.safetensors'));
    });
    after(() => model?.close());

    for (const [inputs, outputs, name] of [
      ['A_inputs', 'A_rgb_full', 'encoder_out'],
      ['B_inputs', 'B_mixed', 'gen.encoder_out'],
    ] as const) {
      test(`features of ${outputs} are those of the PyTorch code`, async () => {
        const { manifest } = model;
        const tensors = await readTensors(path(`${inputs}.safetensors`));
        const all = await readTensors(path(`${outputs}.safetensors`));
        const supporting = ['encoder_mask', 'encoder_mod_mask'].map((own) =>
          name.replace('encoder_out', own),
        );
        const expected = Object.fromEntries(
          [name, ...supporting].map((own) => [own, all[own]!] as const),
        );
        const report = createReport('fp32');
        const own = [...new Set([...manifest.config.domains_in, ...manifest.config.domains_out])];
        await compareFm(path(outputs), {
          model: { manifest, encoder: asEncoder(manifest, model.generate), decoder: undefined },
          inputs: {
            tensors,
            modalities: manifest.modalities,
            pixels: await pixelsOf(manifest, sharedPath('reference', folder), tensors),
          },
          expected,
          order: { order: own, ids: {} },
          report,
        });
        const found = report.findings.map(({ output, passed }) => ({ output, passed }));
        assert.deepEqual(found, [{ output: name, passed: true }]);
      });
    }
  });
}

const MODELS = {
  'a reference case': 'test/cases/fm_gelu_bias/weights.safetensors',
  'register tokens': 'test/cases/fm_register_shared/weights.safetensors',
  'the demo model': 'infra/demo/model/fm.safetensors',
};

/** Bytes, since -0 and 0 would count as equal otherwise. */
const bytes = (values: Float32Array): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

for (const [name, checkpoint] of Object.entries(MODELS)) {
  for (const precision of ['fp32', 'int8'] as const) {
    describe(`features of ${name} in ${precision}`, () => {
      let model: ExportedModel<FmManifest>;
      let states: TokenState[];
      before(async () => {
        model = await exportedFm(join(REPOSITORY, checkpoint), { precision });
        const random = choices(7);
        // Several of each size, so that there is something to share.
        const text = model.manifest.config.domains_in.find(
          (own) => model.manifest.modalities[own]!.type === 'seq',
        )!;
        // A single token is one row of a product, which the runtime multiplies in its own way.
        const single: TokenState = new Map([[text, fullTokens([9])]]);
        const mixed = Array.from({ length: 6 }, () => randomInputs(model.manifest, random));
        states = [single, ...mixed].flatMap((state) => [
          state,
          ...[1, 2, 3].map((shift) => shifted(state, shift)),
        ]);
      });
      after(() => model?.close());

      test('together they have the bytes that each has alone', async () => {
        const alone: Float32Array[] = [];
        for (const state of states)
          alone.push(...(await features(createScheduler(model.manifest, model.generate), [state])));
        const scheduler = createScheduler(model.manifest, model.generate);
        const together = await features(scheduler, states);
        for (const [i, own] of together.entries())
          assert.ok(bytes(own).equals(bytes(alone[i]!)), `state ${i}`);
        const { runs, requests } = scheduler.statistics().runs.features;
        assert.ok(runs < requests, `${requests} requests in ${runs} runs`);
      });

      test('the encoder alone gives the same bytes', async () => {
        const generating = await features(createScheduler(model.manifest, model.generate), states);
        const encoding = await features(createScheduler(model.manifest, model.encoder), states);
        for (const [i, own] of encoding.entries())
          assert.ok(bytes(own).equals(bytes(generating[i]!)), `state ${i}`);
      });
    });
  }
}

/** Another state of the same size. */
function shifted(state: TokenState, by: number): TokenState {
  const change = (tokens: VisibleTokens): VisibleTokens => {
    const { content } = tokens;
    if (content.kind === 'ids')
      return { ...tokens, content: { kind: 'ids', ids: content.ids.map((id) => id - by) } };
    return { ...tokens, content: { ...content, rows: content.rows.map((value) => value + by) } };
  };
  return new Map([...state].map(([name, tokens]) => [name, change(tokens)]));
}
