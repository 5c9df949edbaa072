/** Vectors from a real worker behind a real edge, by our client and by OpenAI's. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { changeOf } from '../../infra/demo/evaluate/changed.ts';
import { encodeRgb } from '../../infra/demo/evaluate/pictures.ts';
import { examples, FIRST_HELD_OUT_SEED } from '../../infra/demo/scene/scenes.ts';
import { RESOLUTION } from '../../infra/demo/scene/world.ts';
import type { EmbedRequestBody } from '../../shared/api/embed.ts';
import { type Client, createClient } from '../../shared/client/index.ts';
import { type DemoSet, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import {
  SECRET,
  startWorkerProcess,
  untilRunning,
  type WorkerProcess,
} from '../support/workerProcess.ts';

describe('vectors of the demo model', { skip: skipWithoutDemo() }, () => {
  let set: DemoSet;
  let worker: WorkerProcess;
  let edge: Awaited<ReturnType<typeof startEdge>>;
  let client: Client;
  let url: string;
  const scenes = [...examples(FIRST_HELD_OUT_SEED, 12)];
  let pictures: { data: string }[];
  before(async () => {
    set = await exportDemo();
    worker = await startWorkerProcess(set.modelsFolder, { FOURM_QUEUE_TOKENS: '10000000' });
    edge = await startEdge(
      parseConfig({ PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET }),
    );
    url = `http://127.0.0.1:${edge.port}`;
    client = createClient({ baseUrl: url });
    pictures = await Promise.all(
      scenes.map(async ({ rendering }) => ({
        data: (await encodeRgb(rendering.rgb, RESOLUTION)).toString('base64'),
      })),
    );
  });
  after(async () => {
    await edge?.close();
    worker?.child.kill('SIGKILL');
    await set?.remove();
  });

  const vectorsOf = async (request: EmbedRequestBody): Promise<number[][]> => {
    const { items } = await client.embed(request);
    return items.map(({ embedding }) => embedding!.values as number[]);
  };
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);

  test('captions find their pictures, and a picture with other words is not the same', async () => {
    const captions = scenes.map(({ description }) => description.caption);
    const items = [
      ...captions.map((caption) => ({ inputs: { caption } })),
      ...pictures.map((rgb) => ({ inputs: { rgb } })),
    ];
    const all = await vectorsOf({ items, target: 'scene_global' });
    const [words, seen] = [all.slice(0, captions.length), all.slice(captions.length)];
    for (const [i, query] of words.entries()) {
      const best = Math.max(...seen.map((candidate) => dot(query, candidate)));
      const nearest = seen.findIndex((candidate) => dot(query, candidate) === best);
      assert.equal(captions[nearest], captions[i]);
    }
    const change = changeOf(scenes[0]!, 0);
    const [before = [], after = []] = await vectorsOf({
      items: [{ inputs: { caption: change.before } }, { inputs: { caption: change.after } }],
      target: 'scene_global',
    });
    assert.ok(dot(before, after) < 0.9);
  });

  test("OpenAI's client gets the vectors that /v1/embed answers", async () => {
    const openai = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1`, maxRetries: 0 });
    const input = ['a red cube', 'a large green cone'];
    const items = input.map((text) => ({ inputs: { caption: { text } } }));
    const own = await vectorsOf({ items, target: 'scene_global' });
    for (const encoding_format of ['float', 'base64'] as const) {
      const answer = await openai.embeddings.create({ model: 'demo', input, encoding_format });
      for (const [i, { embedding }] of answer.data.entries()) {
        const numbers =
          typeof embedding === 'string'
            ? [...new Float32Array(new Uint8Array(Buffer.from(embedding, 'base64')).buffer)]
            : embedding;
        assert.deepEqual([...Float32Array.from(numbers)], [...Float32Array.from(own[i]!)]);
      }
      assert.ok(answer.usage.prompt_tokens >= 2 * 3);
    }
  });

  test('a dry run tells the passes and units of the run', async () => {
    const inputs = { rgb: pictures[0]!, caption: 'abc' };
    const item = { inputs: { rgb: pictures[1]! } };
    for (const request of [
      { items: [item, { inputs: { rgb: pictures[2]! } }], target: 'scene_global', steps: 3 },
      { items: [item], target: 'scene_global', samples: 4, steps: 2, guidance_scale: 2 },
      { items: [item, item], features: 'modalities' as const },
      { inputs, features: 'mean' as const },
    ]) {
      const told = await client.embedDryRun(request);
      const { usage } = await client.embed(request);
      assert.equal(usage.encoder_passes, told.usage.encoder_passes);
      assert.equal(usage.decoder_passes, told.usage.decoder_passes);
      assert.equal(usage.units, told.usage.units);
    }
  });

  test('it is told of each item, and stops when its caller leaves', async () => {
    const items = pictures.map((rgb) => ({ inputs: { rgb } }));
    const done: number[] = [];
    await client.embed(
      { items, target: 'scene_global', steps: 2 },
      { onProgress: ({ step }) => done.push(step) },
    );
    assert.deepEqual(
      done,
      items.map((_, i) => i + 1),
    );
    const long = { items, target: 'scene_global', steps: 16, samples: 16, seed: 5 };
    const caller = new AbortController();
    const left = client.embed(long, { signal: caller.signal });
    left.catch(() => {});
    await untilRunning(worker.url, 1);
    caller.abort();
    await worker.logged(({ event, status }) => event === 'embed' && status === 'gone');
    const next = await client.embed({ inputs: { caption: 'after that' }, features: 'mean' });
    assert.equal(next.items.length, 1);
  });
});
