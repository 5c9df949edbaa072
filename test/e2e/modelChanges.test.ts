/** A real worker whose models' files go, change or are damaged while it serves them. */
import assert from 'node:assert/strict';
import { cp, open, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { exportSet } from '../../worker/export/exportSet.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';
import {
  callWorker,
  generateBody,
  LONG,
  startWorkerProcess,
  type WorkerProcess,
} from '../support/workerProcess.ts';

const GENERATE = '/internal/generate';
/** Enough for one of the two models, not for both. */
const ONE = '200MB';
const short = {
  inputs: { caption: 'a small red cube' },
  targets: [{ modality: 'depth', steps: 1 }],
};

/** Work that outlasts a look for changes. */
const UNDER_WAY = { ...LONG, targets: LONG.targets?.slice(0, 2), num_samples: 1 };

describe('models that change while a worker serves them', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let spare: string;
  let worker: WorkerProcess | undefined;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    spare = await temporaryFolder();
    const source = demoSource() ?? '';
    await exportSet(source, join(set.modelsFolder, 'eight'), { id: 'eight', precision: 'int4' });
    await exportSet(source, join(spare, 'other'), { id: 'eight', precision: 'fp16' });
  });
  afterEach(async () => {
    worker?.child.kill('SIGTERM');
    await worker?.ended;
  });
  after(async () => {
    await set.remove();
    await rm(spare, { recursive: true, force: true });
  });

  const start = async (env: Record<string, string> = {}): Promise<WorkerProcess> => {
    worker = await startWorkerProcess(set.modelsFolder, {
      FOURM_MEMORY_BUDGET: ONE,
      FOURM_MODELS_POLL_SECONDS: '1',
      FOURM_SLOTS: '32',
      FOURM_QUEUE_TOKENS: '1000000',
      ...env,
    });
    return worker;
  };
  const ask = async (model: string, request: object = short, seed = 7) => {
    const body = generateBody(request as typeof LONG, { model, seed });
    const response = await callWorker(worker?.url ?? '', GENERATE, { body });
    return { status: response.status, answer: await response.json() };
  };

  test('a folder that has gone is served to the end of its stay in memory', async () => {
    const { logged } = await start();
    const folder = join(set.modelsFolder, 'demo');
    const running = ask('demo', UNDER_WAY);
    await rename(folder, join(spare, 'demo'));
    try {
      const gone = await logged(({ event }) => event === 'gone');
      assert.match(String(gone.message), /the files of the model demo are no longer there/);
      assert.equal((await ask('demo')).status, 200);
      assert.equal((await running).status, 200);
      assert.equal((await ask('eight')).status, 200);
      const { status, answer } = await ask('demo');
      assert.deepEqual([status, answer.code], [404, 'model_not_loaded']);
    } finally {
      await rename(join(spare, 'demo'), folder);
    }
  });

  test('a folder with another version is loaded anew, and requests under way are unharmed', async () => {
    const { url, logged } = await start({ FOURM_MEMORY_BUDGET: '1GB' });
    const folder = join(set.modelsFolder, 'eight');
    const digest = (await ask('eight')).answer.model.digest;
    const running = ask('eight', UNDER_WAY);
    await rename(folder, join(spare, 'eight'));
    await cp(join(spare, 'other'), folder, { recursive: true });
    try {
      const { to } = await logged(({ event }) => event === 'changed');
      await logged(({ event, digest: own }) => event === 'loaded' && own === to);
      const { models } = await (await callWorker(url, '/internal/models')).json();
      assert.deepEqual(
        models.map(({ precision }: { precision: string }) => precision),
        ['fp32', 'fp16'],
      );
      const fresh = (await ask('eight')).answer.model;
      assert.deepEqual([fresh.precision, fresh.digest], ['fp16', to]);
      const done = await running;
      assert.deepEqual([done.status, done.answer.model.digest], [200, digest]);
    } finally {
      await rm(folder, { recursive: true });
      await rename(join(spare, 'eight'), folder);
    }
  });

  test('weights that are not those of the export are refused, and the others serve on', async () => {
    const { logged } = await start();
    const file = join(set.modelsFolder, 'eight/fm/weights.bin');
    const before = await readFile(file);
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from('other weights'), 0, 13, 1000);
    await handle.close();
    const later = new Date(Date.now() + 60_000);
    await utimes(file, later, later);
    try {
      const { status, answer } = await ask('eight');
      assert.deepEqual([status, answer.code], [503, 'not_ready']);
      assert.match(answer.detail, /the model eight could not be loaded/);
      const entry = await logged(({ event }) => event === 'not loaded');
      assert.match(String(entry.error), /its files have the digest [0-9a-f]{64}, model.json says/);
      assert.equal((await ask('demo')).status, 200);
    } finally {
      const restored = await open(file, 'w');
      await restored.writeFile(before);
      await restored.close();
    }
  });
});
