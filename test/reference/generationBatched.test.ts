/**
 * Batched is single, on a real graph: requests of random inputs, targets, schemes and guidance give the
 * same tokens side by side as alone.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { runLockstep } from '../../worker/batching/lockstep.ts';
import { fusedRunner } from '../../worker/batching/runner.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import type { RunRequests } from '../../worker/engine/forward.ts';
import type { Generated } from '../../worker/engine/generate.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { randomGenerations } from '../support/mixes.ts';
import { REPOSITORY } from '../support/shared.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

let model: ExportedModel<FmManifest>;
before(async () => {
  model = await exportedFm(`${REPOSITORY}/test/cases/fm_gelu_bias/weights.safetensors`);
});
after(() => model?.close());

const runners: Record<string, () => RunRequests> = {
  plain: () => plainRunner({ ...model, fm: model.manifest }),
  fused: () => fusedRunner(model.manifest, model.generate),
};
const generationsOf = (number: number) =>
  randomGenerations(model.manifest, REFERENCE_SPECIALS, number);
const numbers = Array.from({ length: 30 }, (_, i) => i);

async function runAlone(run: RunRequests): Promise<Generated[][]> {
  const alone: Generated[][] = [];
  for (const number of numbers) {
    const results: Generated[] = [];
    for (const forward of generationsOf(number))
      results.push(...(await runLockstep([forward], run)));
    alone.push(results);
  }
  return alone;
}

for (const [name, runner] of Object.entries(runners)) {
  test(`random requests side by side, ${name}`, async () => {
    const run = runner();
    const alone = await runAlone(run);
    for (const together of [numbers, numbers.toReversed(), numbers.slice(0, 7)]) {
      const results = await runLockstep(together.flatMap(generationsOf), run);
      assert.deepEqual(
        results,
        together.flatMap((number) => alone[number]!),
      );
    }
    assert.ok(alone.flat().flatMap((result) => [...result.values()].flat()).length > 1000);
  });
}
