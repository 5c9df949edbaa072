/** A runtime thread of a real worker that dies under requests. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { exportSet } from '../../worker/export/exportSet.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';
import {
  callWorker,
  generateBody,
  startWorkerProcess,
  untilRunning,
  type WorkerProcess,
} from '../support/workerProcess.ts';

/** On SIGUSR2 the first two runtime threads, those of one model, are sent what they cannot answer. */
const PRELOAD = `
  import { syncBuiltinESMExports } from 'node:module';
  import threads from 'node:worker_threads';
  const started = [];
  threads.Worker = class extends threads.Worker {
    constructor(program, options) {
      super(program, options);
      if (String(program).endsWith('/session/thread.js')) started.push(this);
    }
  };
  syncBuiltinESMExports();
  process.on('SIGUSR2', () => {
    for (const thread of started.splice(0, 2)) thread.postMessage(null);
  });
`;
const REQUEST = {
  inputs: { caption: 'a small red cube' },
  targets: [{ modality: 'rgb', steps: 24 }],
  outputs: 'tokens' as const,
};

describe('a runtime thread that dies under requests', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let folder: string;
  let worker: WorkerProcess;
  before(async () => {
    set = await exportDemo(demoSource() ?? '');
    folder = await temporaryFolder();
    await exportSet(demoSource() ?? '', join(set.modelsFolder, 'other'), {
      id: 'other',
      precision: 'fp16',
    });
    await writeFile(join(folder, 'preload.mjs'), PRELOAD);
    worker = await startWorkerProcess(set.modelsFolder, {
      NODE_OPTIONS: `--import ${pathToFileURL(join(folder, 'preload.mjs'))}`,
      FOURM_SLOTS: '8',
      FOURM_QUEUE_TOKENS: '1000000',
    });
  });
  after(async () => {
    worker?.child.kill('SIGTERM');
    await worker?.ended;
    await set?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = async (model: string) => {
    const body = generateBody(REQUEST, { model });
    const response = await callWorker(worker.url, '/internal/generate', { body });
    return { status: response.status, answer: await response.json() };
  };
  const count = (event: string, model: string): number =>
    worker.entries.filter((entry) => entry.event === event && entry.model === model).length;

  test('is replaced, and every request answered as if nothing had been', async () => {
    const expected = (await ask('demo')).answer.outputs.rgb[0].tokens;
    const requests = [ask('demo'), ask('demo'), ask('other'), ask('demo')];
    await untilRunning(worker.url, requests.length);
    worker.child.kill('SIGUSR2');
    const answers = await Promise.all(requests);
    for (const { status, answer } of answers) assert.equal(status, 200, JSON.stringify(answer));
    for (const { answer } of answers)
      if (answer.model.id === 'demo') assert.deepEqual(answer.outputs.rgb[0].tokens, expected);
    const broken = await worker.logged(
      ({ event, model }) => event === 'broken' && model === 'demo',
    );
    const since = worker.entries.slice(worker.entries.indexOf(broken));
    assert.ok(since.some(({ event, model }) => event === 'generate' && model === 'demo'));
    assert.equal((await ask('demo')).status, 200);
    assert.deepEqual([count('broken', 'demo'), count('loaded', 'demo')], [1, 2]);
    assert.deepEqual([count('broken', 'other'), count('loaded', 'other')], [0, 1]);
    assert.equal((await fetch(`${worker.url}/v2/health/ready`)).status, 200);
  });
});
