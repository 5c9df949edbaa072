/** Models that die while they serve: loaded again, with the requests under way done once more. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createScheduler } from '../../worker/batching/scheduler.ts';
import type { Job } from '../../worker/jobs/job.ts';
import { folderOffer, openFolder } from '../../worker/registry/folderSource.ts';
import { createRegistry, type Registry } from '../../worker/registry/registry.ts';
import { createGate } from '../../worker/service/gate.ts';
import { runJob } from '../../worker/service/runJob.ts';
import type { JobServices } from '../../worker/service/services.ts';
import { warmUp } from '../../worker/service/warmUp.ts';
import { CPU } from '../../worker/session/devices.ts';
import { type GraphSession, ThreadEndedError } from '../../worker/session/types.ts';
import { asGenerator, type Served, type ServedModel } from '../../worker/tasks/servedModel.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { sourceOf } from '../support/offers.ts';

const never = new AbortController().signal;

/** Models that have answered their warm-up. */
const warm = new WeakSet<Served>();

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
  const own = { ...model, loaded, scheduler: createScheduler(loaded.fm, generate) };
  return own;
}

describe('a model whose thread dies', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let registry: Registry;
  let services: JobServices;
  const log: Readonly<Record<string, unknown>>[] = [];
  const events = () => log.map(({ event }) => event);
  /** How many of the models to come are mortal, and whether those break now. */
  let mortals = 1;
  let breaking = false;
  let opened = 0;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    const say = (entry: Readonly<Record<string, unknown>>) => void log.push(entry);
    const [path, options] = [`${set.modelsFolder}/demo`, { threads: 1, device: CPU }];
    const offer = await folderOffer(path, options);
    registry = createRegistry({
      source: sourceOf({
        ...offer,
        open: async (signal) => {
          opened++;
          const model = asGenerator(await openFolder(path, options, signal));
          return mortals-- > 0 ? mortal(model, () => breaking) : model;
        },
      }),
      backoffMilliseconds: 1,
      warmUp: async (model, signal) => {
        await warmUp(model, signal);
        warm.add(model);
      },
      log: say,
    });
    await registry.load(never);
    services = {
      gate: createGate(2, 1000),
      log: say,
      registry,
      isStopping: () => false,
      stopped: never,
    };
  });
  after(async () => {
    await registry?.close();
    await set?.remove();
  });

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
    assert.deepEqual(events(), ['loaded', 'broken', 'loaded', 'generate']);
    assert.ok(registry.isReady());
  });

  test('under the second try as well: the request is answered so that it is tried again', async () => {
    // The one that serves now is no mortal: have it replaced by two that are.
    mortals = 2;
    breaking = false;
    const wanted = registry.find('demo');
    const dies = registry.use(wanted, never, async () => {
      throw new ThreadEndedError('ended');
    });
    await assert.rejects(dies, ThreadEndedError);
    assert.equal(registry.isReady(), false);
    assert.equal(registry.descriptions().length, 1, 'it is still said to be there');
    await registry.use(wanted, never, async () => {});
    assert.ok(registry.isReady(), 'who waits for it gets it');
    breaking = true;
    const outcome = await runJob(services, job, { signal: never });
    assert.ok(!outcome.ok);
    assert.equal(outcome.failure.code, 'not_ready');
    assert.match(outcome.failure.detail, /stopped working twice/);
    assert.ok((outcome.failure.retryAfterSeconds ?? 0) > 0);
    breaking = false;
    const after = await runJob(services, job, { signal: never });
    assert.ok(after.ok);
  });
});
