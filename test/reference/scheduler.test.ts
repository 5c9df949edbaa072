/**
 * What a scheduler answers does not depend on what else it is asked, to the last bit: generations of random
 * inputs, targets, schemes and guidance, begun at random moments, against each of them alone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { createScheduler, type Scheduler } from '../../worker/batching/scheduler.ts';
import { runSideBySide } from '../../worker/batching/sideBySide.ts';
import type { ForwardResult, RunRequests } from '../../worker/engine/forward.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { choices, randomGenerations } from '../support/mixes.ts';
import { REPOSITORY } from '../support/shared.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const MODELS = {
  'a reference case': 'test/cases/fm_gelu_bias/weights.safetensors',
  'register tokens': 'test/cases/fm_register_shared/weights.safetensors',
  'the demo model': 'infra/demo/model/fm.safetensors',
};
const NUMBERS = Array.from({ length: 16 }, (_, i) => i);
const MIXES = 4;

/** What a request was answered, in all its numbers. */
type Answer = Omit<ForwardResult, 'cache'>;

/** Runs the generations of a request in a lane of their own; answers of each generation, in order. */
async function answersOf(
  scheduler: Scheduler,
  manifest: FmManifest,
  number: number,
): Promise<Answer[][]> {
  const priority = number % 3 === 0 ? 'batch' : 'interactive';
  const lane = scheduler.join({ priority, tenant: String(number % 4) });
  const answers: Answer[][] = [];
  const generations = randomGenerations(manifest, REFERENCE_SPECIALS, number);
  try {
    await Promise.all(
      generations.map(async (forward, i) => {
        const own: Answer[] = [];
        answers[i] = own;
        const recording: RunRequests = async (requests, signal) => {
          const results = await lane.run(requests, signal);
          for (const { ids, ...rest } of results) {
            const numbers = rest.kind === 'predict' ? rest : { kind: rest.kind };
            own.push({ ids, ...numbers } as Answer);
          }
          return results;
        };
        await runSideBySide([forward], recording);
      }),
    );
  } finally {
    lane.leave();
  }
  return answers;
}

for (const [name, checkpoint] of Object.entries(MODELS)) {
  for (const precision of ['fp32', 'int8'] as const) {
    describe(`${name} in ${precision}`, () => {
      let model: ExportedModel<FmManifest>;
      before(async () => {
        model = await exportedFm(`${REPOSITORY}/${checkpoint}`, { precision });
      });
      after(() => model?.close());

      test('random requests at random moments are answered as alone, bit for bit', async () => {
        const { manifest } = model;
        const alone = new Map<number, Answer[][]>();
        for (const number of NUMBERS) {
          const scheduler = createScheduler(manifest, model.generate);
          alone.set(number, await answersOf(scheduler, manifest, number));
        }
        const scheduler = createScheduler(manifest, model.generate);
        for (let mix = 0; mix < MIXES; mix++) {
          const random = choices(1000 + mix);
          const together = random.some(NUMBERS, 4 + random.below(NUMBERS.length - 4));
          // All at once, and then at moments of their own.
          const delays = together.map(() => (mix === 0 ? 0 : random.below(40)));
          const answers = await Promise.all(
            together.map(async (number, i) => {
              await sleep(delays[i]!);
              return await answersOf(scheduler, manifest, number);
            }),
          );
          for (const [i, number] of together.entries())
            assert.deepEqual(answers[i], alone.get(number), `mix ${mix}, request ${number}`);
        }
        const { runs } = scheduler.statistics();
        const shared = (kind: keyof typeof runs) => runs[kind].requests / runs[kind].runs;
        assert.ok(shared('write') > 1 && shared('predict') > 1, JSON.stringify(runs));
        assert.ok([...alone.values()].flat(3).length > 50);
      });
    });
  }
}
