/** Jobs that wait in SQS: an edge that knows no worker, and workers that come and go. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig } from '../../edge/config.ts';
import { type RunningEdge, startEdge } from '../../edge/node.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import { freePort } from '../../infra/ports.ts';
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { type Client, createClient, ProblemError } from '../../shared/client/index.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { depthOf, type Queues } from '../../shared/queue/queue.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { exportSet } from '../../worker/export/exportSet.ts';
import { type DemoSet, demoSource, exportDemo, skipWithoutDemo } from '../support/demoSet.ts';
import { openSqsQueues, type SqsServer, startSqs } from '../support/sqs.ts';
import { startWorkerProcess, type WorkerProcess } from '../support/workerProcess.ts';
import { cancelsStop } from './queueCancels.ts';

describe('jobs of a fleet that scales to zero', { skip: skipWithoutDemo() }, () => {
  let folder: string;
  let set: DemoSet;
  let sqs: SqsServer;
  let queues: Queues;
  let edge: RunningEdge;
  let url: string;
  let client: Client;
  let env: Record<string, string>;
  let picture: string;
  const workers: WorkerProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-queue-'));
    picture = (await readFile(join(repositoryRoot, 'examples/scene-1.png'))).toString('base64');
    set = await exportDemo();
    sqs = await startSqs();
    const opened = openSqsQueues(sqs, 'e2e', { visibilitySeconds: 2 });
    queues = opened.open();
    env = {
      ...opened.environment,
      FOURM_STORE: 'disk',
      FOURM_STORE_DIR: join(folder, 'store'),
    };
    edge = await startEdge(
      parseConfig({ ...env, PORT: '0', FOURM_WORKERS: '', FOURM_MODELS_TTL_SECONDS: '0' }),
    );
    url = `http://127.0.0.1:${edge.port}`;
    client = createClient({ baseUrl: url });
  });
  after(async () => {
    for (const worker of workers) worker.child.kill('SIGKILL');
    await edge?.close();
    await sqs?.stop();
    await set?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const startWorker = async (more: Record<string, string> = {}): Promise<WorkerProcess> => {
    const worker = await startWorkerProcess(set.modelsFolder, {
      ...env,
      // A name in jobs' documents by which a test knows it.
      FOURM_WORKER_PORT: String(await freePort()),
      FOURM_SLOTS: '4',
      FOURM_QUEUE_TOKENS: '10000000',
      FOURM_QUEUE_VISIBILITY_SECONDS: '2',
      FOURM_SWEEP_SECONDS: '2',
      ...more,
    });
    workers.push(worker);
    return worker;
  };
  const stopWorker = async (worker: WorkerProcess): Promise<void> => {
    worker.child.kill('SIGTERM');
    assert.equal(await worker.ended, 0);
  };
  const request = (seed: number, more: object = {}) => ({
    inputs: { rgb: { data: picture } },
    targets: ['depth'],
    outputs: 'tokens' as const,
    seed,
    ...more,
  });
  /** Some seconds of work in many steps. */
  const long = (seed: number) =>
    request(seed, {
      targets: ['depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 12 })),
      num_samples: 1,
    });
  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; tries < 1200; tries++) {
      if (await holds()) return;
      await sleep(100);
    }
    assert.fail(`${what} did not come to be within two minutes`);
  };
  const results = async (): Promise<readonly string[]> => {
    const place = join(folder, 'store/objects/results+');
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
  };

  test('before any worker has ever run nobody knows the models; afterwards everything that can be a job is one', async () => {
    await assert.rejects(
      client.jobs.submit('generate', request(1)),
      (error) => error instanceof ProblemError && error.problem.code === 'worker_unavailable',
    );
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    await stopWorker(await startWorker());

    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    const { models } = await client.models();
    assert.deepEqual(
      models.map(({ id }) => id),
      ['demo'],
    );
    await assert.rejects(
      client.generate(request(1)),
      (error) =>
        error instanceof ProblemError &&
        error.problem.code === 'worker_unavailable' &&
        /Prefer: respond-async/.test(error.problem.detail ?? ''),
    );

    const generate = await client.jobs.submit('generate', request(1));
    const embed = await client.jobs.submit('embed', {
      items: [{ inputs: { caption: 'a red cube' } }, { inputs: { rgb: { data: picture } } }],
      target: 'scene_global',
    });
    const examples = [
      'a red cube',
      'a blue cube',
      'a red cone',
      'a blue cone',
      'two cubes and a cone',
      'a cube and two cones',
      'three cones',
      'two cubes',
    ].map((caption, i) => ({ inputs: { caption }, label: i < 4 ? 'one' : 'several' }));
    const fit = await client.jobs.submit('fitHead', { name: 'count', examples, folds: 2 });
    for (const { job } of [generate, embed, fit]) assert.equal(job.status, 'queued');
    // One may have gone into the poll that the worker broke off when it ended, which hides it for a while.
    assert.equal(depthOf(await queues.batch.depth()), 3);

    const worker = await startWorker();
    const made = await generate.wait();
    assert.equal(made.seed, 1);
    const { items } = await embed.wait();
    assert.equal(items.length, 2);
    const head = await fit.wait();
    assert.deepEqual(head.labels, ['one', 'several']);
    // A head that a job has fitted is there for all.
    const classify = await client.jobs.submit('classify', {
      head: 'count',
      inputs: { caption: 'a green cube' },
    });
    const { items: classified } = await classify.wait();
    assert.equal(classified[0]?.classes.length, 2);
    await until('the end of all messages', async () => depthOf(await queues.batch.depth()) === 0);
    // What a job has made is what a direct request finds.
    const direct = await fetch(`${url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request(1)),
    });
    assert.equal(direct.headers.get('cache-status'), 'fourm-edge; hit');
    assert.deepEqual(((await direct.json()) as GenerateResponse).outputs, made.outputs);
    await stopWorker(worker);
  });

  test('two workers with the same message: one attempt, one result', async () => {
    await Promise.all([startWorker(), startWorker()]);
    const before = await results();
    const job = await client.jobs.submit('generate', long(2));
    // Both will have it.
    await queues.batch.send(messageOf({ tenant: 'default', id: job.id }));
    await queues.batch.send(messageOf({ tenant: 'default', id: job.id }));
    const seen: string[] = [];
    for await (const { event, id } of job.events()) seen.push(`${event} ${id}`);
    assert.equal(seen.at(-1), 'result end');
    const { attempts, status } = (await client.jobs.get(job.id)).job;
    assert.deepEqual([attempts, status], [1, 'succeeded']);
    const made = (await results()).filter((name) => !before.includes(name));
    assert.equal(made.length, 1, made.join());
    await until('the end of all messages', async () => depthOf(await queues.batch.depth()) === 0);
    assert.equal(depthOf(await queues.dead.depth()), 0);
  });

  test('cancels at an edge that knows no worker: a job and the lines of a batch stop, with nearly all of their steps undone', async () => {
    for (const worker of workers.splice(0)) await stopWorker(worker);
    await cancelsStop(client, env, startWorker);
    await until('the end of all messages', async () => depthOf(await queues.batch.depth()) === 0);
  });

  test('kill -9 of the worker that has a job: the other does it', async () => {
    await startWorker();
    const jobs = createJobStore(createDiskStore(join(folder, 'store'), () => {}));
    const job = await client.jobs.submit('generate', long(3));
    await until('the beginning', async () => {
      return (await client.jobs.get(job.id)).job.status === 'processing';
    });
    const holder = (await jobs.read({ tenant: 'default', id: job.id }))?.holder?.worker ?? '';
    const killed = workers.find(({ url }) => new URL(url).port === holder.split(':').at(-1));
    assert.ok(killed, holder);
    killed.child.kill('SIGKILL');
    assert.equal((await job.wait()).seed, 3);
    assert.equal((await client.jobs.get(job.id)).job.attempts, 2);
  });

  test('the queue loses everything: jobs are found in the store and done', async () => {
    const jobs = [];
    for (let seed = 20; seed < 24; seed++)
      jobs.push(await client.jobs.submit('generate', long(seed)));
    sqs.server.reset();
    assert.equal(depthOf(await queues.batch.depth()), 0);
    for (const [index, job] of jobs.entries()) assert.equal((await job.wait()).seed, 20 + index);
  });

  test('a model that was replaced while its job waited: the job says so, and a new one is done by the new version', async () => {
    for (const worker of workers.splice(0)) {
      worker.child.kill('SIGTERM');
      await worker.ended;
    }
    const job = await client.jobs.submit('generate', request(30));
    const place = join(set.modelsFolder, 'demo');
    await rm(place, { recursive: true });
    await exportSet(demoSource() ?? '', place, { id: 'demo', precision: 'int8' });
    await startWorker();
    await assert.rejects(
      job.wait(),
      (error) =>
        error instanceof ProblemError &&
        error.problem.code === 'model_not_loaded' &&
        /the model demo was replaced/.test(error.problem.detail ?? ''),
    );
    const { problem, attempts } = (await client.jobs.get(job.id)).job;
    assert.deepEqual([problem?.status, attempts], [404, 0]);
    const again = await client.jobs.submit('generate', request(30));
    assert.equal((await again.wait()).model.precision, 'int8');
  });
});
