/** Sequences written in pieces: the same tokens whatever the pieces, and an end between two of them. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import { createScheduler } from '../../worker/batching/scheduler.ts';
import type { WriteRequest } from '../../worker/engine/forward.ts';
import { philox } from '../../worker/engine/rng.ts';
import { fullTokens } from '../../worker/engine/tokenState.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { REPOSITORY } from '../support/shared.ts';

describe('sequences in pieces', () => {
  let model: ExportedModel<FmManifest>;
  let requests: WriteRequest[];
  before(async () => {
    model = await exportedFm(`${REPOSITORY}/test/cases/fm_gelu_bias/weights.safetensors`);
    const { config, modalities } = model.manifest;
    const modality = config.domains_out.find((name) => modalities[name]?.type === 'seq') ?? '';
    const seen = config.domains_in.find((name) => modalities[name]?.type === 'seq') ?? '';
    const draw = (i: number, r: number) => philox([i, r, 0, 0], [5, 5])[0] / 2 ** 32;
    requests = Array.from({ length: 5 }, (_, r): WriteRequest => {
      const state = new Map([[seen, fullTokens([3 + r, 9, 4 * r + 1])]]);
      const conditions = [
        { state, weight: 2 },
        { state: new Map(), weight: -1 },
      ];
      return {
        kind: 'write',
        modality,
        conditions: r % 2 === 0 ? conditions : [{ state, weight: 1 }],
        ids: [5],
        sampling: { ...NO_FILTERS, temperature: 1 },
        draws: Array.from({ length: 40 }, (_, i) => draw(i, r)),
        // Many tokens end a sequence, so that they end at different times.
        stops: r === 0 ? [] : Array.from({ length: 12 * r }, (_, i) => 7 * i + r),
      };
    });
  });
  after(() => model.close());

  const runner = (piece: number | undefined, graph: GraphSession = model.generate) =>
    createScheduler(model.manifest, graph, piece === undefined ? {} : { piece }).join().run;
  const written = async (piece?: number) => (await runner(piece)(requests)).map(({ ids }) => ids);

  test('give the tokens that one piece gives, whatever their length', async () => {
    const whole = await written(64);
    const lengths = whole.map((ids) => ids.length);
    assert.equal(lengths[0], 40);
    assert.ok(new Set(lengths).size >= 3, `sequences of different lengths: ${lengths}`);
    for (const tokens of [1, 3, 7, 39]) assert.deepEqual(await written(tokens), whole);
    assert.deepEqual(await written(), whole);
  });

  test('stop between two pieces when nobody waits any more', async () => {
    const controller = new AbortController();
    let runs = 0;
    const graph: GraphSession = {
      ...model.generate,
      run: async (...given) => {
        runs++;
        const outputs = await model.generate.run(...given);
        if (runs === 4) controller.abort(new Error('nobody waits'));
        return outputs;
      },
    };
    const run = runner(5, graph);
    await assert.rejects(run(requests, controller.signal), /nobody waits/);
    // The others would have gone on for eight pieces.
    assert.equal(runs, 4);
  });
});
