/** Jobs outlive the processes that do them: what `npm start` runs, killed with -9 by its ids. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../infra/stack.ts';
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { type Client, createClient, type JobHandle } from '../../shared/client/index.ts';
import { descendants, isAlive, type Product, processOf, startProduct } from '../support/product.ts';

const WORKER = 'dist/worker/main.js';
const EDGE = 'dist/edge/node.js';
const linux = process.platform === 'linux' ? false : 'processes are found through /proc';

describe('jobs of real processes', { skip: linux }, () => {
  let product: Product;
  let client: Client;
  let folder = '';
  let picture = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-jobs-'));
    picture = (await readFile(join(repositoryRoot, 'examples/scene-1.png'))).toString('base64');
    product = await startProduct(folder, { env: { FOURM_THREADS: '1', FOURM_JOB_SLOTS: '1' } });
    client = createClient({ baseUrl: product.url });
  });

  after(async () => {
    const pids = [product.process.pid ?? 0, ...(await descendants(product.process.pid ?? 0))];
    for (const pid of pids) if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  /** A second of work or more on one thread, in many steps. */
  const long = (seed: number) => ({
    inputs: { rgb: { data: picture } },
    targets: ['depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 8 })),
    num_samples: 1,
    outputs: 'tokens' as const,
    seed,
  });
  const submit = (seed: number): Promise<JobHandle<GenerateResponse>> =>
    client.jobs.submit('generate', long(seed));

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 1200; tries++) {
      // While a process is replaced there may be no answer.
      if (await holds().catch(() => false)) return;
      await sleep(100);
    }
    assert.fail(`${what} did not come to be within two minutes`);
  }
  const hasStatus = (id: string, wanted: string): Promise<void> =>
    until(`${id} ${wanted}`, async () => (await client.jobs.get(id)).job.status === wanted);

  const under = async (prefix: string): Promise<string[]> => {
    const place = join(folder, 'store', 'objects', prefix);
    const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  };

  test('kill -9 of the worker: the job under way and those that wait are done by the next one, once each', async () => {
    const jobs = [await submit(1), await submit(2), await submit(3)];
    const first = jobs[0] ?? assert.fail('a job was made');
    await hasStatus(first.id, 'processing');
    // One connection sees it through: what it missed of the first worker it has, the next one's it gets.
    const steps: string[] = [];
    const following = (async () => {
      for await (const { event, id } of first.events()) steps.push(`${event} ${id}`);
    })();
    process.kill(await processOf(product.process, WORKER), 'SIGKILL');
    for (const [index, job] of jobs.entries()) {
      await hasStatus(job.id, 'succeeded');
      const { attempts, result } = (await client.jobs.get<GenerateResponse>(job.id)).job;
      assert.equal(attempts, index === 0 ? 2 : 1);
      assert.deepEqual((result as GenerateResponse).seed, index + 1);
    }
    await following;
    assert.ok(steps.includes('progress 2-1'), steps.join());
    assert.equal(steps.at(-1), 'result end');
    assert.equal((await under('results+')).length, 3, 'one result each');
    await until('the end of all that jobs needed', async () => {
      const left = [...(await under('job-inputs+')), ...(await under('job-leases+'))];
      return left.length === 0;
    });
    // What two workers made of it together is what one makes alone.
    const again = await fetch(`${product.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
      body: JSON.stringify(long(1)),
    });
    const { outputs } = (await again.json()) as GenerateResponse;
    assert.deepEqual(outputs, (await first.wait()).outputs);
  });

  test('kill -9 of the edge: jobs go on, and the next edge answers them', async () => {
    const job = await submit(11);
    await hasStatus(job.id, 'processing');
    process.kill(await processOf(product.process, EDGE), 'SIGKILL');
    const result = await job.wait();
    assert.equal(result.seed, 11);
    assert.equal((await client.jobs.get(job.id)).job.attempts, 1);
  });

  test('cancel stops the run within a step, and the next job has its turn', async () => {
    const endless = await client.jobs.submit('generate', { ...long(21), num_samples: 8 });
    await hasStatus(endless.id, 'processing');
    const next = await client.jobs.submit('generate', {
      inputs: { rgb: { data: picture } },
      targets: ['depth'],
      seed: 22,
    });
    assert.equal((await client.jobs.get(next.id)).job.status, 'queued', 'there is one slot');
    assert.equal((await endless.cancel()).status, 'canceled');
    assert.equal((await next.wait()).seed, 22);
    assert.equal((await client.jobs.get(endless.id)).job.status, 'canceled');
  });

  test('Ctrl-C in the middle of a job: the next start does it', async () => {
    const job = await submit(31);
    await hasStatus(job.id, 'processing');
    assert.equal(await product.stop(), 0);
    product = await startProduct(folder, { env: { FOURM_THREADS: '1' } });
    client = createClient({ baseUrl: product.url });
    const found = await client.jobs.get<GenerateResponse>(job.id);
    assert.equal((await found.wait()).seed, 31);
  });
});
