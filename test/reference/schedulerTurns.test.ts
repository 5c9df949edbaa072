/** What a scheduler leaves out: requests whose callers have gone, and what it keeps of those who are done. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { createScheduler } from '../../worker/batching/scheduler.ts';
import { GREEDY, type PredictRequest, type WriteRequest } from '../../worker/engine/forward.ts';
import { fullTokens, type TokenState } from '../../worker/engine/tokenState.ts';
import type { GraphSession } from '../../worker/session/types.ts';
import { type ExportedModel, exportedFm } from '../support/exported.ts';
import { REPOSITORY } from '../support/shared.ts';

describe('a scheduler', () => {
  let model: ExportedModel<FmManifest>;
  let [picture, text] = ['', ''];
  before(async () => {
    model = await exportedFm(`${REPOSITORY}/test/cases/fm_gelu_bias/weights.safetensors`);
    const { config, modalities } = model.manifest;
    const first = (type: string) =>
      config.domains_out.find((name) => modalities[name]?.type === type) ?? '';
    [picture, text] = [first('img'), first('seq')];
  });
  after(() => model.close());

  const state = (id: number): TokenState => new Map([[text, fullTokens([id, 9, 11])]]);
  const prediction = (id: number): PredictRequest => ({
    kind: 'predict',
    modality: picture,
    step: 0,
    positions: [0, 1, 2],
    conditions: [{ state: state(id), weight: 1 }],
    sampling: GREEDY,
    draws: [0, 0, 0],
  });
  const writing = (id: number, tokens: number): WriteRequest => ({
    kind: 'write',
    modality: text,
    conditions: [{ state: state(id), weight: 1 }],
    ids: [5],
    sampling: GREEDY,
    draws: Array.from({ length: tokens }, () => 0),
    stops: [],
  });

  /** The model's graph, with its runs counted and its rows that are kept. */
  function watched() {
    const runs: string[] = [];
    const encoded: number[] = [];
    const kept = new Set<number>();
    let [holds, release] = [(_: string): boolean => false, (): void => {}];
    const graph: GraphSession = {
      ...model.generate,
      run: async (feeds, outputs, options) => {
        const isWriting = feeds.ids?.dims[1] === 1;
        const kind = isWriting ? 'write' : options?.keepRows ? 'encode' : 'predict';
        runs.push(kind);
        encoded.push(feeds.order?.dims[0] ?? 0);
        for (const { rows } of options?.keepRows ?? []) for (const { id } of rows) kept.add(id);
        if (holds(kind))
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        return await model.generate.run(feeds, outputs, options);
      },
      forgetRows: (ids) => {
        for (const id of ids) kept.delete(id);
        model.generate.forgetRows?.(ids);
      },
    };
    /** Runs of a kind wait from now on. @returns what lets them go, once the first one waits */
    const hold = async (wanted: string): Promise<() => void> => {
      const holding = new Promise<void>((resolve) => {
        holds = (kind) => {
          if (kind === wanted) resolve();
          return kind === wanted;
        };
      });
      await holding;
      return () => {
        holds = () => false;
        release();
      };
    };
    return { graph, runs, encoded, kept, hold };
  }

  test('computes nothing for a caller who has gone, or whose time is over', async () => {
    const { graph, runs } = watched();
    const lane = createScheduler(model.manifest, graph).join();
    const gone = new AbortController();
    const asked = lane.run([prediction(20)], gone.signal);
    gone.abort(new Error('the deadline has passed'));
    await assert.rejects(asked, /deadline/);
    await assert.rejects(lane.run([prediction(21)], gone.signal), /deadline/);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(runs, []);
  });

  test('a prediction that comes while a text is written waits for one piece of it', async () => {
    const { graph, runs, hold } = watched();
    const scheduler = createScheduler(model.manifest, graph, { piece: 4 });
    const [writer, asker] = [scheduler.join(), scheduler.join()];
    const holding = hold('write');
    const written = writer.run([writing(22, 40)]);
    const release = await holding;
    const before = runs.length;
    const asked = asker.run([prediction(23)]);
    release();
    await asked;
    const meanwhile = runs.slice(before).indexOf('predict');
    assert.ok(meanwhile >= 0 && meanwhile <= 1, runs.join());
    await written;
    assert.equal(runs.filter((kind) => kind === 'write').length, 10);
    writer.leave();
    asker.leave();
  });

  test('keeps nothing of a job that has left, whether its texts had ended or not', async () => {
    const { graph, kept, hold } = watched();
    const scheduler = createScheduler(model.manifest, graph, { piece: 4 });
    const lane = scheduler.join();
    await lane.run([writing(24, 8), { ...writing(25, 8), isLast: true }]);
    assert.ok(kept.size > 0);
    const holding = hold('write');
    const cut = assert.rejects(lane.run([writing(26, 400)]), /has left/);
    const release = await holding;
    assert.ok(kept.size > 0);
    lane.leave();
    release();
    await cut;
    assert.equal(kept.size, 0);
    assert.deepEqual(scheduler.statistics().waiting, { interactive: 0, batch: 0 });
  });

  test('what was asked for twice is encoded no third time, and answered alike to the bit', async () => {
    const { graph, encoded } = watched();
    const scheduler = createScheduler(model.manifest, graph);
    const answers: unknown[] = [];
    for (let time = 0; time < 4; time++)
      for (const request of [prediction(27), writing(28, 8)]) {
        const lane = scheduler.join();
        const [result] = await lane.run([request]);
        answers[time] = { ...(answers[time] as object), [request.kind]: { ...result, cache: 0 } };
        lane.leave();
      }
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    const tokens = encoded.map((count) => count > 0);
    assert.deepEqual(tokens, [
      ...[true, true, false],
      ...[true, true, false],
      ...[false, false, false],
      ...[false, false, false],
    ]);
  });
});
