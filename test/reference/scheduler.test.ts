/**
 * What a scheduler answers does not depend on what else it is asked, to the last bit: generations of random
 * inputs, targets, schemes and guidance, begun at random moments, against each of them alone.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { createScheduler, type Scheduler } from '../../worker/batching/scheduler.ts';
import { runSideBySide } from '../../worker/batching/sideBySide.ts';
import type { ForwardResult, RunRequests } from '../../worker/engine/forward.ts';
import { type ExportedModel, exportedFm, temporaryFolder } from '../support/exported.ts';
import { choices, randomGenerations } from '../support/mixes.ts';
import { REPOSITORY } from '../support/shared.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';
import { writeWideHeads } from '../support/wideHeads.ts';

type Precisions = readonly ('fp32' | 'int8')[];
const BOTH: Precisions = ['fp32', 'int8'];
/** Where each checkpoint lies, or what writes it to a file. */
const MODELS: Readonly<Record<string, [string | ((file: string) => Promise<void>), Precisions]>> = {
  'a reference case': ['test/cases/fm_gelu_bias/weights.safetensors', BOTH],
  'register tokens': ['test/cases/fm_register_shared/weights.safetensors', BOTH],
  'the demo model': ['infra/demo/model/fm.safetensors', BOTH],
  // In 8 bits their queries come out of the product in the scale of the scores.
  'heads of 64 numbers': [writeWideHeads, ['int8']],
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

async function exportedOf(
  checkpoint: string | ((file: string) => Promise<void>),
  precision: Precisions[number],
): Promise<ExportedModel<FmManifest>> {
  if (typeof checkpoint === 'string')
    return await exportedFm(`${REPOSITORY}/${checkpoint}`, { precision });
  const folder = await temporaryFolder();
  try {
    const file = join(folder, 'model.safetensors');
    await checkpoint(file);
    return await exportedFm(file, { precision });
  } finally {
    await rm(folder, { recursive: true });
  }
}

for (const [name, [checkpoint, precisions]] of Object.entries(MODELS)) {
  for (const precision of precisions) {
    describe(`${name} in ${precision}`, () => {
      let model: ExportedModel<FmManifest>;
      before(async () => {
        model = await exportedOf(checkpoint, precision);
      });
      after(() => model?.close());

      test('random requests at random moments are answered as alone, bit for bit', async () => {
        const { manifest } = model;
        const alone = new Map<number, Answer[][]>();
        const { write: writer } = model;
        assert.equal(writer !== undefined, precision === 'int8');
        for (const number of NUMBERS) {
          const scheduler = createScheduler(manifest, model.generate, { writer });
          alone.set(number, await answersOf(scheduler, manifest, number));
          if (!writer) continue;
          const generating = createScheduler(manifest, model.generate);
          const answers = await answersOf(generating, manifest, number);
          assert.deepEqual(answers, alone.get(number), `request ${number} by either graph`);
        }
        const scheduler = createScheduler(manifest, model.generate, { writer });
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
