/** Shared runs that find no memory: the same requests in smaller runs, with the same answers. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { createScheduler } from '../../worker/batching/scheduler.ts';
import { runSideBySide } from '../../worker/batching/sideBySide.ts';
import { type GraphSession, SessionError, type Tensor } from '../../worker/session/types.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { randomGenerations } from '../support/mixes.ts';
import { REPOSITORY } from '../support/shared.ts';
import { REFERENCE_SPECIALS } from '../support/trace.ts';

const NUMBERS = Array.from({ length: 12 }, (_, i) => i);

/** Rows of a run: sequences that are written on, or states that are decoded. */
const rowsOf = (feeds: Readonly<Record<string, Tensor>>): number =>
  Math.max(...['ids', 'past_hidden'].map((name) => feeds[name]?.dims[0] ?? 0));

/** A graph that finds no memory for more than `most` rows, in the words of onnxruntime. */
function bounded(graph: GraphSession, most: number) {
  const seen = { largest: 0, refused: 0 };
  const session: GraphSession = {
    ...graph,
    run: async (feeds, ...rest) => {
      const size = rowsOf(feeds);
      if (size > most) {
        seen.refused++;
        const words = 'Failed to allocate memory for requested buffer of size 4294967296';
        throw new SessionError(`graph fm/generate: run failed: ${words}`);
      }
      seen.largest = Math.max(seen.largest, size);
      return await graph.run(feeds, ...rest);
    },
  };
  return { session, seen };
}

describe('a scheduler whose shared runs find no memory', () => {
  let model: ExportedModel<FmManifest>;
  before(async () => {
    model = await exportedFm(`${REPOSITORY}/test/cases/fm_gelu_bias/weights.safetensors`);
  });
  after(() => model?.close());

  const generations = () =>
    NUMBERS.flatMap((number) => randomGenerations(model.manifest, REFERENCE_SPECIALS, number));
  /** What the generations come to, in one scheduler over `graph`. */
  const run = async (graph: GraphSession, forwards: ReturnType<typeof generations>) => {
    const lane = createScheduler(model.manifest, graph).join();
    try {
      return await runSideBySide(forwards, lane.run);
    } finally {
      lane.leave();
    }
  };

  test('runs them in smaller parts, and answers as alone', async () => {
    const alone = bounded(model.generate, Number.POSITIVE_INFINITY);
    const expected = [];
    for (const forward of generations()) expected.push(...(await run(alone.session, [forward])));
    const tight = bounded(model.generate, alone.seen.largest);
    assert.deepEqual(await run(tight.session, generations()), expected);
    assert.ok(tight.seen.refused > 0, 'some runs were too large together');
  });

  test('fails a request that finds no memory alone', async () => {
    const none = bounded(model.generate, 0);
    await assert.rejects(run(none.session, generations().slice(0, 1)), /Failed to allocate memory/);
  });

  test('fails each of two that look at the same, where one alone finds no memory', async () => {
    const none = bounded(model.generate, 0);
    const patient: GraphSession = {
      ...none.session,
      run: (...given) => {
        if (none.seen.refused > 20) throw new Error('they are tried again and again');
        return none.session.run(...given);
      },
    };
    for (const number of NUMBERS) {
      const twins = [1, 2].flatMap(() =>
        randomGenerations(model.manifest, REFERENCE_SPECIALS, number),
      );
      none.seen.refused = 0;
      await assert.rejects(run(patient, twins), /Failed to allocate memory/);
    }
  });
});
