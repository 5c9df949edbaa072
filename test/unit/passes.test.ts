/** Passes: what a run asks, what is known of it beforehand, and what the plan alone is priced at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf } from '../../shared/plan/cost.ts';
import type { RequestPlan } from '../../shared/plan/plan.ts';
import { FAKE_MODALITIES } from '../support/arrayModel.ts';
import { countPasses } from '../support/countPasses.ts';
import { runFake } from '../support/engineRun.ts';
import { fc } from '../support/properties.ts';
import {
  generationsOf,
  planOf,
  type RandomRequest,
  randomRequests,
} from '../support/randomRequests.ts';

test('passes are known before anything runs, where no sequence ends early', async () => {
  await fc.assert(
    fc.asyncProperty(randomRequests, async (request) => {
      const before = countPasses(generationsOf(request));
      const { passes } = await runFake(generationsOf(request));
      const sequences = request.targets.some(({ modality }) => modality === 'caption');
      if (!sequences) assert.deepEqual(passes, before);
      else assert.ok(passes.encoder === before.encoder && passes.decoder <= before.decoder);
    }),
    { numRuns: 60 },
  );
});

/** The request as the edge plans it, as far as its price goes. */
function pricedPlan(request: RandomRequest): RequestPlan {
  const { plan, state } = planOf(request);
  const entry = (name: string) => ({
    type: FAKE_MODALITIES[name]!.type,
    tokens: FAKE_MODALITIES[name]!.max_tokens,
  });
  const inputs = [...state].map(([modality, { positions }]) => ({
    modality,
    entry: entry(modality),
    visible: positions.length,
  }));
  const targets = plan.targets.map((target) => ({
    plan: target,
    entry: entry(target.modality),
    tokens: target.counts.reduce((sum, count) => sum + count, 0),
  }));
  const stage = { model: { parameters: 1 }, inputs, made: [], targets };
  const { chained } = plan;
  return { stages: [stage], chained, samples: request.samples } as unknown as RequestPlan;
}

test('the price is of the passes that are run, with sequences at their full length', () => {
  fc.assert(
    fc.property(randomRequests, (request) => {
      const { encoderPasses, decoderPasses } = costOf(pricedPlan(request));
      const { encoder, decoder } = countPasses(generationsOf(request));
      assert.deepEqual({ encoder: encoderPasses, decoder: decoderPasses }, { encoder, decoder });
    }),
    { numRuns: 500 },
  );
});
