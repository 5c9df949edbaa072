/** Heads that are fitted on the demo model through the edge and a real worker, and what is refused before. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import { type Example, examples, FIRST_HELD_OUT_SEED } from '../../infra/demo/scene/scenes.ts';
import type { Progress } from '../../shared/api/generate.ts';
import type { Problem } from '../../shared/api/problem.ts';
import { createClient } from '../../shared/client/index.ts';
import { type DemoSet, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { SECRET, startWorkerProcess, type WorkerProcess } from '../support/workerProcess.ts';

describe('a fit on the demo model', { skip: skipWithoutDemo() }, () => {
  let folder: string;
  let set: DemoSet;
  let worker: WorkerProcess;
  let edge: RunningEdge;
  let url: string;
  const scenes = [...examples(FIRST_HELD_OUT_SEED, 24)];
  const isSingle = ({ scene }: Example): string => (scene.solids.length === 1 ? 'one' : 'several');
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-fit-'));
    set = await exportDemo();
    const store = { FOURM_STORE: 'disk', FOURM_STORE_DIR: join(folder, 'store') };
    const more = {
      FOURM_SLOTS: '4',
      FOURM_QUEUE_TOKENS: '100000',
      FOURM_COLLECTIONS: join(folder, 'collections'),
    };
    worker = await startWorkerProcess(set.modelsFolder, { ...store, ...more });
    const env = { PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET, ...store };
    edge = await startEdge(parseConfig(env));
    url = `http://127.0.0.1:${edge.port}`;
  });
  after(async () => {
    await edge?.close();
    worker?.child.kill('SIGTERM');
    await worker?.ended;
    await set?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const labelled = () =>
    scenes.map((scene) => ({
      inputs: { caption: scene.description.caption },
      label: isSingle(scene),
    }));

  test('learns to tell captions apart, is kept, and answers what its own report says', async () => {
    const client = createClient({ baseUrl: url });
    const told: Progress[] = [];
    const head = await client.fitHead(
      { name: 'single', examples: labelled() },
      { onProgress: (progress) => told.push(progress) },
    );
    const { report } = head;
    assert.ok(report);
    assert.deepEqual(head.labels, ['one', 'several']);
    assert.equal(report.held_out.accuracy, 1);
    assert.equal(report.separable, true);
    assert.deepEqual(
      report.confusion.matrix.map((row) => row.reduce((a, b) => a + b)),
      head.labels.map((label) => scenes.filter((scene) => isSingle(scene) === label).length),
    );
    const stages = [...new Set(told.map(({ target }) => target))];
    assert.deepEqual(stages, ['features', 'separability', 'folds', 'fit']);
    assert.equal(told.find(({ target }) => target === 'separability')?.separable, true);

    // The same examples are the same head, without being looked at again.
    const again = await client.fitHead({ name: 'single', examples: labelled() });
    assert.deepEqual(again, head);
    const { items } = await client.classify({
      head: 'single',
      items: [
        { inputs: { caption: 'a large red cone' } },
        { inputs: { caption: 'a blue box left of a red cone' } },
      ],
    });
    assert.deepEqual(
      items.map(({ classes }) => classes[0]?.label),
      ['one', 'several'],
    );
    assert.ok(
      items.every(
        ({ classes }) => Math.abs(classes[0]!.probability + classes[1]!.probability - 1) < 1e-9,
      ),
    );
    const { heads } = await client.heads();
    assert.deepEqual(
      heads.map(({ name, version, versions }) => [name, version, versions]),
      [['single', head.version, 1]],
    );
    const picture = await fetch(`${url}/v1/heads/single`, { headers: { accept: 'image/png' } });
    const { format } = await sharp(Buffer.from(await picture.arrayBuffer())).metadata();
    assert.equal(format, 'png');

    // Its file, uploaded under another name, says the same.
    const given = await fetch(`${url}/v1/heads/single`, {
      headers: { accept: 'application/octet-stream' },
    });
    const kept = await client.putHead('copy', await given.arrayBuffer());
    assert.deepEqual([kept.labels, kept.version], [head.labels, head.version]);
    const inputs = { caption: 'a small cyan box' };
    const [one, other] = await Promise.all(
      ['single', 'copy'].map((name) => client.classify({ head: name, inputs, logits: true })),
    );
    assert.deepEqual(one!.items, other!.items);

    assert.deepEqual(await client.deleteHead('copy'), { deleted: 1 });
    await assert.rejects(client.classify({ head: 'copy', inputs }), /unknown|no head/);
  });

  test('asks the nearest of a collection, and learns from its vectors', async () => {
    const client = createClient({ baseUrl: url });
    await client.createCollection({
      name: 'captions',
      embedding: { kind: 'features' },
      metadata: { kind: { type: 'string' } },
    });
    const items = labelled().map(({ inputs, label }, i) => ({
      ...{ id: String(i), inputs },
      metadata: { kind: label },
    }));
    await client.addItems('captions', items);
    const asked = [
      { inputs: { caption: 'a large red cone' } },
      { inputs: { caption: 'a blue box left of a red cone' } },
    ];
    const neighbours = { name: 'captions', label_field: 'kind', k: 3 };
    const nearest = await client.classify({ items: asked, neighbours });
    // What a search answers, counted here.
    for (const [i, { inputs }] of asked.entries()) {
      const { results } = await client.search('captions', { inputs, k: 3 });
      const votes = new Map<string, number>();
      for (const { metadata, score } of results) {
        const label = String(metadata.kind);
        votes.set(label, (votes.get(label) ?? 0) + Math.exp(score / 0.07));
      }
      const all = [...votes.values()].reduce((a, b) => a + b);
      for (const { label, probability } of nearest.items[i]!.classes)
        assert.ok(Math.abs(probability - votes.get(label)! / all) < 1e-4);
    }
    const head = await client.fitHead({
      name: 'from-collection',
      collection: { name: 'captions', label_field: 'kind' },
    });
    assert.deepEqual(
      [head.source, head.normalised, head.report?.examples],
      ['collection', true, scenes.length],
    );
    const answer = await client.classify({ head: 'from-collection', items: asked });
    assert.deepEqual(
      answer.items.map(({ classes }) => classes[0]?.label),
      ['one', 'several'],
    );
    const unknown = { name: 'captions', label_field: 'nothing' };
    await assert.rejects(client.classify({ items: asked, neighbours: unknown }), /nothing/);
    const none = { name: 'no-such', label_field: 'kind' };
    await assert.rejects(client.fitHead({ name: 'x', collection: none }), /no-such/);
  });

  test('says what is wrong with examples before it looks at them', async () => {
    const inputs = { caption: 'a red cone' };
    const refused = async (body: object): Promise<Problem> => {
      const answer = await fetch(`${url}/v1/heads`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'bad', ...body }),
      });
      const problem = (await answer.json()) as Problem;
      assert.equal(answer.status, 400, JSON.stringify(problem));
      return problem;
    };
    const pointers = ({ errors = [] }: Problem) => errors.map(({ pointer }) => pointer);
    const pair = (label: string) => [
      { inputs, label },
      { inputs: { caption: 'a box' }, label },
    ];
    const one = await refused({ examples: pair('same') });
    assert.deepEqual([one.code, pointers(one)], ['invalid_examples', ['/examples']]);
    const few = await refused({ examples: [...pair('a'), { inputs, label: 'b' }] });
    assert.deepEqual([few.code, pointers(few)], ['invalid_examples', ['/examples/2/label']]);
    const none = await refused({ examples: [] });
    assert.deepEqual([none.code, pointers(none)], ['invalid_request', ['/examples']]);
    const long = await refused({ examples: [...pair('a'), ...pair('x'.repeat(201))] });
    assert.deepEqual(pointers(long), ['/examples/2/label', '/examples/3/label']);
    const wrong = await refused({
      examples: [...pair('a'), ...pair('b').map((own) => ({ ...own, inputs: { smell: 'x' } }))],
    });
    assert.deepEqual(pointers(wrong), ['/examples/2/inputs/smell', '/examples/3/inputs/smell']);
    // Two captions apart from two others: a hyperplane parts them, so that no penalty means no optimum.
    const endless = await refused({
      l2: 0,
      examples: [
        ...pair('a'),
        ...pair('b').map(() => ({ inputs: { caption: 'two spheres' }, label: 'b' })),
      ],
    });
    assert.deepEqual([endless.code, pointers(endless)], ['invalid_examples', ['/l2']]);
    const { heads } = await createClient({ baseUrl: url }).heads();
    assert.ok(!heads.some(({ name }) => name === 'bad'));
  });
});
