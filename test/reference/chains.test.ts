/**
 * The published chains: the reference's own sampler, written out in `referenceSampler.ts`, makes the recorded
 * tokens, and so do the engine and the HTTP API.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type GenerateRequestBody, generateRequestSchema } from '../../shared/api/generate.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { planRequest } from '../../shared/plan/plan.ts';
import { runLockstep } from '../../worker/batching/lockstep.ts';
import { fusedRunner } from '../../worker/batching/runner.ts';
import { plainRunner } from '../../worker/compare/plain.ts';
import { generateTargets } from '../../worker/engine/generate.ts';
import { seededChance } from '../../worker/engine/sampling.ts';
import { fullRows, fullTokens } from '../../worker/engine/tokenState.ts';
import { loadModelSet } from '../../worker/session/loadModels.ts';
import { serveModel } from '../../worker/tasks/servedModel.ts';
import { CHAIN_CAPTION, type PublishedChain, readChains } from '../support/chains.ts';
import type { DemoSet } from '../support/demoSet.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { patches } from '../support/fmFeeds.ts';
import { emptyGrid, emptySequence, full, runReference } from '../support/referenceSampler.ts';
import { exportReferenceSet } from '../support/referenceSet.ts';
import { serve } from '../support/serve.ts';
import { floats, readTensors, sharedPath, skipWithout } from '../support/shared.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const PUBLISHED = 'reference/fm_swiglu_nobias/weights.safetensors';
const PICTURE = 'rgb@224';
const pixelRows = async (): Promise<Float32Array[]> => {
  const { rgb } = await readTensors(sharedPath('reference/shared/rgb224.safetensors'));
  return patches(floats({ rgb: rgb! }, 'rgb').data, 224, 16);
};
const inOrder = (positions: readonly number[]): number[] => [...positions];

describe('the published chains', { skip: skipWithout(PUBLISHED) }, () => {
  let model: ExportedModel<FmManifest>;
  let set: DemoSet;
  let rows: Float32Array[];
  let chains: PublishedChain[];
  before(async () => {
    model = await exportedFm(sharedPath(PUBLISHED));
    set = await exportReferenceSet(sharedPath(PUBLISHED), 320, 200);
    rows = await pixelRows();
    chains = await readChains();
    assert.equal(chains.length, 4);
  });
  after(async () => {
    await model?.close();
    await set?.remove();
  });

  const bodyOf = ({ targets, guidance, text_buffer }: PublishedChain): GenerateRequestBody => ({
    inputs: { caption: { tokens: CHAIN_CAPTION } },
    targets: targets.map((modality) => ({
      modality,
      temperature: 0,
      guidance_scale: guidance,
      ...(modality.startsWith('tok_')
        ? { scheme: 'roar' as const, steps: 1 }
        : { max_tokens: text_buffer - 1 }),
    })),
    outputs: 'tokens',
  });
  const expectedOf = ({ targets, expected }: PublishedChain) =>
    Object.fromEntries(targets.map((target) => [target, expected(target)]));
  const byModality = (outputs: Record<string, { modality: string; tokens: number[] }[]>) =>
    Object.fromEntries(
      Object.values(outputs).map((samples) => [samples[0]!.modality, samples[0]!.tokens]),
    );

  test("the reference's sampler, written out, makes the published tokens", async () => {
    for (const chain of chains) {
      const { inputs, targets, guidance, text_buffer: buffer, schedule } = chain;
      const empty = targets.map((target) => {
        const info = model.manifest.modalities[target]!;
        return [
          target,
          info.type === 'img' ? emptyGrid(info.max_tokens) : emptySequence(buffer),
        ] as const;
      });
      const given = inputs.includes('rgb')
        ? { [PICTURE]: full(rows) }
        : { caption: full(CHAIN_CAPTION) };
      const results = await runReference(
        { ...model, isSentinel: REFERENCE_SPECIALS.isSentinel },
        {
          dict: { ...Object.fromEntries(empty), ...given },
          steps: schedule.map(({ target, num_tokens }) => ({
            target,
            counts: [num_tokens],
            guidance,
          })),
          conditions: schedule[0]!.cfg_cond_domains,
          shuffle: inOrder,
        },
      );
      assert.deepEqual(results, expectedOf(chain), chain.name);
    }
  });

  for (const name of ['plain', 'fused'] as const) {
    test(`the engine makes them, ${name}`, async () => {
      const run =
        name === 'plain'
          ? plainRunner({ ...model, fm: model.manifest })
          : fusedRunner(model.manifest, model.generate);
      const served = await serveModel(await loadModelSet(join(set.modelsFolder, 'demo'), {}));
      try {
        const forwards = chains.map((chain) => {
          const request = generateRequestSchema.parse({
            ...bodyOf(chain),
            ...(chain.inputs.includes('rgb') && { inputs: { rgb: { data: 'aGk=' } } }),
          });
          const { targets } = planRequest(request, served.description).stages[0]!;
          const state = chain.inputs.includes('rgb')
            ? new Map([
                [PICTURE, fullRows(Float32Array.from(rows.flatMap((row) => [...row])), 768)],
              ])
            : new Map([['caption', fullTokens(CHAIN_CAPTION)]]);
          const engine = {
            modalities: model.manifest.modalities,
            specials: REFERENCE_SPECIALS,
            chance: seededChance(7, 0),
          };
          const plans = targets.map(({ plan }) => plan);
          const plan = { targets: plans, chained: true, conditioning: [...state.keys()] };
          return generateTargets(engine, plan, state)[0]!;
        });
        // All of them side by side, and each alone.
        const together = await runLockstep(forwards, run);
        for (const [i, chain] of chains.entries())
          assert.deepEqual(Object.fromEntries(together[i]!), expectedOf(chain), chain.name);
      } finally {
        await served.loaded.close();
      }
    });
  }

  test('an HTTP request makes them, of a worker behind an edge', async () => {
    const { client, close } = await serve(set.modelsFolder);
    try {
      for (const chain of chains.filter(({ inputs }) => inputs.includes('caption'))) {
        const { outputs } = await client.generate(bodyOf(chain));
        assert.deepEqual(byModality(outputs), expectedOf(chain), chain.name);
      }
    } finally {
      await close();
    }
  });
});
