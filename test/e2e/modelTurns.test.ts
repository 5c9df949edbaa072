/** A real worker whose models do not fit into its memory together. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { exportSet } from '../../worker/export/exportSet.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import {
  callWorker,
  generateBody,
  type LONG,
  spawnWorker,
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

describe('a worker with two models', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let worker: WorkerProcess | undefined;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    const source = demoSource() ?? '';
    await exportSet(source, join(set.modelsFolder, 'eight'), { id: 'eight', precision: 'int4' });
  });
  afterEach(async () => {
    worker?.child.kill('SIGTERM');
    await worker?.ended;
  });
  after(() => set.remove());

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
  const count = (event: string): number =>
    worker?.entries.filter((entry) => entry.event === event).length ?? 0;

  test('requests that alternate are all answered, by the right model, with few swaps', async () => {
    const { url } = await start();
    assert.equal(count('loaded'), 1);
    const { models } = await (await callWorker(url, '/internal/models')).json();
    assert.deepEqual(
      models.map(({ id, state }: { id: string; state: string }) => [id, state]),
      [
        ['demo', 'loaded'],
        ['eight', 'available'],
      ],
    );
    const names = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 'demo' : 'eight'));
    const answers = await Promise.all(names.map((name) => ask(name)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      names.map(() => 200),
    );
    assert.deepEqual(
      answers.map(({ answer }) => answer.model.id),
      names,
    );
    const tokens = answers.map(({ answer }) => answer.outputs.depth[0].tokens);
    for (const [i, own] of tokens.entries()) assert.deepEqual(own, tokens[i % 2], `request ${i}`);
    assert.ok(count('evicted') <= 3, `${count('evicted')} evictions for 24 requests`);
    // Callers of both, each with its next request as soon as the last one is answered.
    const before = count('evicted');
    const caller = async (name: string): Promise<void> => {
      for (let i = 0; i < 10; i++) assert.equal((await ask(name)).status, 200);
    };
    await Promise.all(['demo', 'eight', 'demo', 'eight'].map(caller));
    const swaps = count('evicted') - before;
    assert.ok(swaps >= 1 && swaps <= 20, `${swaps} evictions for 40 requests`);
    assert.equal(count('loaded'), count('evicted') + 1);
  });

  test('one who waits for a model is answered at its deadline', async () => {
    await start();
    const { status, answer } = await ask('eight', { ...short, deadline_ms: 100 });
    assert.deepEqual([status, answer.code], [504, 'deadline_exceeded']);
    assert.equal((await ask('eight')).status, 200);
  });

  test('a model that is not there is answered 404 as ever', async () => {
    await start();
    const { status, answer } = await ask('nine');
    assert.deepEqual([status, answer.code], [404, 'model_not_loaded']);
    assert.match(answer.detail, /nine is not loaded; loaded: demo, eight/);
  });

  test('a budget below the smallest model ends the start, naming both', async () => {
    worker = spawnWorker(set.modelsFolder, { FOURM_MEMORY_BUDGET: '20MB' });
    assert.equal(await worker.ended, 2);
    const text = worker.entries.map((entry) => entry.text ?? '').join('\n');
    assert.match(
      text,
      /the model eight of \S+ takes \d+(\.\d+)? MB of memory, FOURM_MEMORY_BUDGET is 20 MB/,
    );
    worker = spawnWorker(set.modelsFolder, { FOURM_MEMORY_BUDGET: 'much' });
    assert.equal(await worker.ended, 2);
    assert.match(
      String(worker.entries[1]?.text),
      /FOURM_MEMORY_BUDGET: has to be a number of bytes/,
    );
  });

  test('what a model takes is no more than was told before', async () => {
    const { child, logged } = await start({ FOURM_MEMORY_BUDGET: '' });
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    const held = 1024 * Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]);
    const told = await Promise.all(
      ['demo', 'eight'].map((id) =>
        logged(({ event, model }) => event === 'loaded' && model === id),
      ),
    );
    const bytes = told.reduce((sum, entry) => sum + Number(entry.bytes), 0);
    assert.ok(held < bytes + 100e6, `${held} of ${bytes}, and a process without models`);
  });
});
