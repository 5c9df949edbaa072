/** Real workers that hold only the encoder of a model, alone behind an edge and beside one that holds all of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { type Client, createClient, ProblemError } from '../../shared/client/index.ts';
import { type DemoSet, demoPicture, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { SECRET, startWorkerProcess, type WorkerProcess } from '../support/workerProcess.ts';

describe('workers with the encoder alone', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let whole: WorkerProcess;
  let encoder: WorkerProcess;
  let inputs: { rgb: { data: string }; caption: string };
  const edges: { close(): Promise<unknown> }[] = [];
  before(async () => {
    set = await exportDemo();
    whole = await startWorkerProcess(set.modelsFolder);
    encoder = await startWorkerProcess(set.modelsFolder, { FOURM_MODEL_PARTS: 'encoder' });
    inputs = {
      rgb: { data: (await demoPicture('rgb')).toString('base64') },
      caption: 'a red cube',
    };
  });
  after(async () => {
    for (const edge of edges) await edge.close();
    whole?.child.kill('SIGKILL');
    encoder?.child.kill('SIGKILL');
    await set?.remove();
  });

  async function edgeOf(...workers: WorkerProcess[]): Promise<Client> {
    const urls = workers.map(({ url }) => url).join();
    const edge = await startEdge(
      parseConfig({ PORT: '0', FOURM_WORKERS: urls, FOURM_WORKER_SECRET: SECRET }),
    );
    edges.push(edge);
    return createClient({ baseUrl: `http://127.0.0.1:${edge.port}` });
  }
  const problem = async (work: Promise<unknown>) => {
    const error = await work.catch((reason: unknown) => reason);
    assert.ok(error instanceof ProblemError, String(error));
    return error.problem;
  };

  test('its features are those of the whole model, bit for bit', async () => {
    const [alone, all] = [await edgeOf(encoder), await edgeOf(whole)];
    const { models } = await alone.models();
    assert.equal(models[0]?.kind, 'encoder');
    assert.ok(models[0]?.modalities.every(({ output }) => !output));
    for (const features of ['mean', 'tokens'] as const) {
      const request = { inputs, features, format: 'base64' as const };
      const [own, others] = [await alone.embed(request), await all.embed(request)];
      assert.deepEqual(own.items, others.items);
    }
  });

  test('what it cannot do is refused by name', async () => {
    const client = await edgeOf(encoder);
    const { code, detail } = await problem(client.generate({ inputs, targets: ['depth'] }));
    assert.equal(code, 'unknown_target');
    assert.match(detail, /only the encoder of demo is loaded/);
    const embedding = await problem(client.embed({ inputs, target: 'scene_global' }));
    assert.equal(embedding.code, 'unknown_target');
    assert.match(embedding.detail, /only the encoder of demo is loaded/);
  });

  test('beside a whole one it is asked for features alone', async () => {
    const client = await edgeOf(encoder, whole);
    const { models } = await client.models();
    assert.equal(models[0]?.kind, undefined);
    for (let seed = 0; seed < 4; seed++) {
      const generated = await client.generate({ inputs, targets: ['depth'], seed });
      assert.equal(generated.outputs.depth?.length, 1);
      const caption = `a ${'small '.repeat(seed)}sphere`;
      await client.embed({ inputs: { caption }, features: 'mean' });
    }
    const events = encoder.entries.map(({ event }) => event);
    assert.ok(!events.includes('generate'));
    assert.ok(events.includes('embed'));
  });
});
