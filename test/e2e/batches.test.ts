/** Batches outlive the processes that work on them: what `npm start` runs, killed with -9 by its ids. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import type { Batch, BatchLine } from '../../shared/api/batches.ts';
import type { EmbedResponse } from '../../shared/api/embed.ts';
import { type BatchRequest, type Client, createClient } from '../../shared/client/index.ts';
import { descendants, isAlive, type Product, processOf, startProduct } from '../support/product.ts';

const WORKER = 'dist/worker/main.js';
const EDGE = 'dist/edge/node.js';
const linux = process.platform === 'linux' ? false : 'processes are found through /proc';

describe('batches of real processes', { skip: linux }, () => {
  let product: Product;
  let client: Client;
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-batches-'));
    product = await startProduct(folder, { env: { FOURM_THREADS: '1' } });
    client = createClient({ baseUrl: product.url });
  });

  after(async () => {
    const pids = [product.process.pid ?? 0, ...(await descendants(product.process.pid ?? 0))];
    for (const pid of pids) if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 3600; tries++) {
      // While a process is replaced there may be no answer.
      if (await holds().catch(() => false)) return;
      await sleep(50);
    }
    assert.fail(`${what} did not come to be within three minutes`);
  }
  const under = async (prefix: string): Promise<string[]> => {
    const place = join(folder, 'store', 'objects', `${prefix}+`);
    const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  };
  const all = async (lines: AsyncIterable<BatchLine>): Promise<BatchLine[]> => {
    const found: BatchLine[] = [];
    for await (const line of lines) found.push(line);
    return found;
  };
  /** Several passes each, so that there is a middle of the batch to kill in. */
  const embed = (n: number, run: string): BatchRequest => ({
    custom_id: `${run}-${n}`,
    method: 'POST',
    url: '/v1/embed',
    body: {
      inputs: { caption: `a cube and ${n} spheres, ${run}` },
      target: 'scene_global',
      steps: 4,
    },
  });
  const done = ({ request_counts: { completed, failed } }: Batch): number => completed + failed;

  test('kill -9 of the worker, and of the edge, in the middle: every line is answered once, in order, as directly', async () => {
    const count = 420;
    const lines = Array.from({ length: count }, (_, n) => embed(n, 'killed'));
    const made = await client.batches.create(lines);
    let seen = 0;
    for (const script of [WORKER, EDGE, WORKER]) {
      await until(`more lines than ${seen}`, async () => {
        const batch = await client.batches.get(made.id);
        assert.equal(batch.output_url, null, 'it was killed in the middle');
        return done(batch) > seen + 30;
      });
      process.kill(await processOf(product.process, script), 'SIGKILL');
      await until('an edge', async () => (await fetch(`${product.url}/healthz`)).ok);
      seen = done(await client.batches.get(made.id));
    }
    const ended = await client.batches.wait(made.id);
    assert.equal(ended.status, 'completed');
    assert.deepEqual(ended.request_counts, { total: count, completed: count, failed: 0 });
    const output = await all(client.batches.output(made.id));
    assert.deepEqual(
      output.map(({ custom_id }) => custom_id),
      lines.map(({ custom_id }) => custom_id),
    );
    assert.deepEqual(await all(client.batches.errors(made.id)), []);
    for (const n of [0, 199, 200, 419]) {
      const answer = await fetch(`${product.url}/v1/embed`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
        body: JSON.stringify(lines[n]?.body),
      });
      const { items } = (await answer.json()) as EmbedResponse;
      assert.deepEqual((output[n]?.response?.body as EmbedResponse | undefined)?.items, items);
    }
    assert.equal((await under('results')).length, count, 'one result a line');
    await until('the end of what the batch needed', async () => {
      const left = await Promise.all(
        ['batch-inputs', 'batches-open', 'batch-leases'].map((prefix) => under(prefix)),
      );
      return left.flat().length === 0;
    });
  });

  test('kill -9 of the edge in the middle of an upload: it is no batch, and sent again it is one', async () => {
    const lines = Array.from({ length: 3000 }, (_, n) =>
      JSON.stringify(embed(n, 'upload'.padEnd(450, '.'))),
    ).join('\n');
    const { data } = await client.batches.list();
    const { port } = new URL(product.url);
    const sending = request({
      port,
      path: '/v1/batches',
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
    });
    const broken = new Promise((resolve) => sending.once('error', resolve));
    // Half of the file, and then nothing: whole pieces of it are in the store.
    sending.write(lines.slice(0, lines.length / 2));
    await until('pieces of it', async () => (await under('batch-inputs')).length > 0);
    process.kill(await processOf(product.process, EDGE), 'SIGKILL');
    await broken;
    await until('an edge', async () => (await fetch(`${product.url}/healthz`)).ok);
    assert.deepEqual((await client.batches.list()).data, data);

    const again = await client.batches.create(new Blob([lines]));
    assert.equal(again.request_counts.total, 3000);
    await client.batches.cancel(again.id);
    const ended = await client.batches.wait(again.id);
    assert.equal(ended.status, 'cancelled');
    assert.equal(done(ended), 3000, 'every line is in one of the files');
    const errors = await all(client.batches.errors(again.id));
    assert.equal(errors.length, ended.request_counts.failed);
    assert.equal(errors.at(-1)?.error?.code, 'batch_cancelled');
  });

  test('Ctrl-C in the middle of a batch: the next start goes on with it', async () => {
    const made = await client.batches.create(
      Array.from({ length: 120 }, (_, n) => embed(n, 'stopped')),
    );
    await until('some lines', async () => done(await client.batches.get(made.id)) > 10);
    assert.equal(await product.stop(), 0);
    product = await startProduct(folder, { env: { FOURM_THREADS: '1' } });
    client = createClient({ baseUrl: product.url });
    const ended = await client.batches.wait(made.id);
    assert.deepEqual(ended.request_counts, { total: 120, completed: 120, failed: 0 });
  });

  test("OpenAI's client reads, lists and cancels batches", async () => {
    const openai = new OpenAI({ baseURL: `${product.url}/v1`, apiKey: 'none' });
    const made = await client.batches.create([embed(1, 'openai')]);
    const ended = await client.batches.wait(made.id);
    const found = await openai.batches.retrieve(made.id);
    assert.equal(found.status, 'completed');
    assert.deepEqual(found.request_counts, { total: 1, completed: 1, failed: 0 });
    assert.equal(found.completed_at, ended.completed_at);
    const listed: string[] = [];
    for await (const batch of openai.batches.list({ limit: 2 })) listed.push(batch.id);
    assert.equal(listed[0], made.id);
    assert.equal(listed.length, 4, 'it goes through the pages');
    assert.equal((await openai.batches.cancel(made.id)).status, 'completed');
  });
});
