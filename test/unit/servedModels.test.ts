/** Models that die while they serve: loaded again, with the requests under way done once more. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fusedRunner } from '../../worker/batching/fused/runner.ts';
import type { Job } from '../../worker/jobs/job.ts';
import { createGate } from '../../worker/service/gate.ts';
import { createModels, type Models } from '../../worker/service/models.ts';
import { runJob } from '../../worker/service/runJob.ts';
import type { JobServices } from '../../worker/service/services.ts';
import { warmUp } from '../../worker/service/warmUp.ts';
import { loadModelSet } from '../../worker/session/registry.ts';
import { type GraphSession, ThreadEndedError } from '../../worker/session/types.ts';
import { type ServedModel, serveModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';

const never = new AbortController().signal;

/** Models that have answered their warm-up. */
const warm = new WeakSet<ServedModel>();

/** A model whose thread dies at its first run after `breaks` says so; it stands its warm-up. */
function mortal(model: ServedModel, breaks: () => boolean): ServedModel {
  let die: (cause: ThreadEndedError) => void = () => {};
  const died = new Promise<ThreadEndedError>((resolve) => {
    die = resolve;
  });
  const dies = (graph: GraphSession): GraphSession => ({
    ...graph,
    run: async (...given) => {
      if (!breaks() || !warm.has(own)) return await graph.run(...given);
      const cause = new ThreadEndedError('the thread of this test has ended');
      die(cause);
      throw cause;
    },
  });
  const generate = dies(model.loaded.generate);
  const loaded = { ...model.loaded, generate, died };
  const own = { ...model, loaded, runner: fusedRunner(loaded.fm, generate) };
  return own;
}

describe('a model whose thread dies', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let models: Models;
  const log: Readonly<Record<string, unknown>>[] = [];
  const events = () => log.map(({ event }) => event);
  /** How many of the models to come are mortal, and whether those break now. */
  let mortals = 1;
  let breaking = false;
  let opened = 0;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    const say = (entry: Readonly<Record<string, unknown>>) => void log.push(entry);
    models = createModels({
      folders: [`${set.modelsFolder}/demo`],
      backoffMilliseconds: 1,
      warmUp: async (model, signal) => {
        await warmUp(model, signal);
        warm.add(model);
      },
      log: say,
      open: async (path, signal) => {
        opened++;
        const model = await serveModel(await loadModelSet(path, { threads: 1, signal }));
        return mortals-- > 0 ? mortal(model, () => breaking) : model;
      },
    });
    await models.load(never);
    services = {
      gate: createGate(2, 2),
      log: say,
      models,
      isStopping: () => false,
      stopped: never,
    };
  });
  after(async () => {
    await models?.close();
    await set?.remove();
  });
  let services: JobServices;

  const request = {
    inputs: { caption: 'a small red cube' },
    targets: [{ modality: 'depth', steps: 1 }],
    chained: false,
    num_samples: 1,
  };
  const job: Job<'generate'> = {
    kind: 'generate',
    request: { request_id: 'r', id: 'i', model: 'demo', seed: 1, request },
  };

  test('is loaded again, and the request under way is done once more', async () => {
    breaking = true;
    const outcome = await runJob(services, job, { signal: never });
    assert.ok(outcome.ok, JSON.stringify(outcome));
    assert.equal(outcome.value.outputs.depth?.length, 1);
    assert.equal(opened, 2);
    assert.deepEqual(events(), ['loaded', 'broken', 'replaced', 'generate']);
    assert.ok(models.isReady());
  });

  test('under the second try as well: the request is answered so that it is tried again', async () => {
    // The one that serves now is no mortal: have it replaced by two that are.
    mortals = 2;
    breaking = false;
    const [current] = models.running();
    assert.ok(current);
    const replaced = models.replacement(current);
    assert.equal(models.isReady(), false);
    assert.equal(models.descriptions().length, 1, 'it is still said to be there');
    assert.throws(() => models.pick('demo'), /is being loaded again/);
    await replaced;
    breaking = true;
    const outcome = await runJob(services, job, { signal: never });
    assert.ok(!outcome.ok);
    assert.equal(outcome.failure.code, 'not_ready');
    assert.match(outcome.failure.detail, /stopped working twice/);
    assert.ok((outcome.failure.retryAfterSeconds ?? 0) > 0);
    breaking = false;
    const next = models.running()[0] ?? (await models.replacement(current));
    assert.equal(next.description.id, 'demo');
    const after = await runJob(services, job, { signal: never });
    assert.ok(after.ok);
  });
});

test('a folder that holds another model now is not served in its place', async () => {
  const log: Readonly<Record<string, unknown>>[] = [];
  let digest = 'one';
  const model = (die: Promise<ThreadEndedError>): ServedModel =>
    ({
      description: { id: 'm', digest, modalities: [] },
      loaded: { died: die, close: () => Promise.resolve() },
    }) as unknown as ServedModel;
  let die: (cause: ThreadEndedError) => void = () => {};
  const models = createModels({
    folders: ['m'],
    backoffMilliseconds: 1,
    warmUp: () => Promise.resolve(),
    log: (entry) => void log.push(entry),
    open: async () =>
      model(
        new Promise((resolve) => {
          die = resolve;
        }),
      ),
  });
  await models.load(never);
  const [first] = models.running();
  assert.ok(first);
  digest = 'two';
  die(new ThreadEndedError('ended'));
  const waiting = assert.rejects(models.replacement(first));
  while (!log.some(({ error }) => /holds another model now/.test(String(error))))
    await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(models.isReady(), false);
  await models.close();
  await waiting;
});
