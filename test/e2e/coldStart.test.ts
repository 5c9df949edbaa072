/** The first request for a large model, while the worker serves others. */
import assert from 'node:assert/strict';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exportCheckpoint } from '../../worker/export/exportCheckpoint.ts';
import { folderOffer } from '../../worker/registry/folderSource.ts';
import { CPU } from '../../worker/session/devices.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { temporaryFolder } from '../support/exported.ts';
import { writeSparseFm } from '../support/sparseFm.ts';
import {
  callWorker,
  generateBody,
  startWorkerProcess,
  type WorkerProcess,
} from '../support/workerProcess.ts';

describe('a large model that nobody has asked for yet', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let folder: string;
  let worker: WorkerProcess;
  let bytes: number;
  before(async () => {
    const source = demoSource() ?? '';
    set = await exportDemo(source);
    folder = await temporaryFolder();
    // Its vocabularies are those of the published models, so that it takes seconds to load.
    await writeSparseFm(
      join(folder, 'model.safetensors'),
      { dim: 256, depth: 6, heads: 4 },
      'random',
    );
    await copyFile(join(source, 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const out = join(set.modelsFolder, 'large');
    await exportCheckpoint(join(folder, 'model.safetensors'), out, { id: 'large' });
    ({ bytes } = await folderOffer(out, { device: CPU }));
    worker = await startWorkerProcess(set.modelsFolder, {
      FOURM_MEMORY_BUDGET: String(bytes),
      FOURM_SLOTS: '32',
      FOURM_QUEUE_TOKENS: '1000000',
    });
  });
  after(async () => {
    worker?.child.kill('SIGTERM');
    await worker?.ended;
    await set?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = async (model: string, more: object = {}) => {
    const request = {
      inputs: { caption: { tokens: [5, 6, 7] } },
      targets: [{ modality: 'depth', steps: 1 }],
      outputs: 'tokens' as const,
      ...more,
    };
    const body = generateBody(request, { model });
    const response = await callWorker(worker.url, '/internal/generate', { body });
    return { status: response.status, answer: await response.json() };
  };
  const loads = () =>
    worker.entries.filter(({ event, model }) => event === 'loaded' && model === 'large').length;

  test('is loaded once for all who ask; nobody else waits for it', async () => {
    assert.equal(loads(), 0, 'it does not fit beside what was loaded at the start');
    const first = Array.from({ length: 6 }, () => ask('large'));
    const impatient = ask('large', { deadline_ms: 100 });
    // The process answers, as loading is the work of a thread.
    const live = await fetch(`${worker.url}/v2/health/live`);
    assert.equal(live.status, 200);
    assert.equal((await impatient).answer.code, 'deadline_exceeded');
    assert.equal(loads(), 0, 'it is still being loaded');
    for (const { status, answer } of await Promise.all(first))
      assert.equal(status, 200, JSON.stringify(answer));
    assert.equal(loads(), 1);
    assert.equal((await ask('large')).status, 200);
    assert.equal(loads(), 1);
    const status = await readFile(`/proc/${worker.child.pid}/status`, 'utf8');
    const held = 1024 * Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]);
    // Six requests share a run, whose scores over the vocabulary the runtime's arena keeps.
    assert.ok(held < bytes + 400e6, `${held} of ${bytes}, a process, and shared runs`);
  });
});
