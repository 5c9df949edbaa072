/** An edge that queues jobs in SQS and knows no worker: what it answers, on Node and in real workerd. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { createJobId } from '../../shared/api/jobId.ts';
import { type Job, jobSchema } from '../../shared/api/jobs.ts';
import { createClient } from '../../shared/client/index.ts';
import { advance, start } from '../../shared/jobs/job.ts';
import { createJobStore, type JobStore } from '../../shared/jobs/jobStore.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { createModelMemory } from '../../shared/jobs/modelMemory.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createS3Store } from '../../shared/store/s3.ts';
import type { Store } from '../../shared/store/store.ts';
import { consumerOver, submitJob, using, works } from '../support/consumers.ts';
import { MODEL } from '../support/fakeWorker.ts';
import { openSqsQueues, type SqsServer, startSqs } from '../support/sqs.ts';
import { startWorkerd } from '../support/workerd.ts';
import { problemOf } from './errors.ts';

interface Place {
  readonly store: Store;
  readonly environment: Record<string, string>;
  readonly remove: () => Promise<void>;
}

async function onDisk(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-queue-'));
  return {
    store: createDiskStore(folder, () => {}),
    environment: { FOURM_STORE: 'disk', FOURM_STORE_DIR: folder },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** In the server of the queues, which keeps buckets as well. It ignores conditions of writes, which nothing here needs. */
async function inBucket({ server, settings }: SqsServer): Promise<Place> {
  server.createBucket('store');
  const endpoint = settings.endpoint ?? '';
  const key = { accessKeyId: 'test', secretAccessKey: 'test' };
  return {
    store: createS3Store({ endpoint, region: 'us-east-1', bucket: 'store', ...key }),
    environment: {
      FOURM_STORE: 's3',
      S3_ENDPOINT: endpoint,
      S3_BUCKET: 'store',
      S3_ACCESS_KEY_ID: 'test',
      S3_SECRET_ACCESS_KEY: 'test',
    },
    remove: async () => {},
  };
}

const startNode = async (env: Record<string, string>) => {
  const edge = await startEdge(parseConfig({ ...env, PORT: '0' }));
  return { url: `http://127.0.0.1:${edge.port}`, close: edge.close };
};

for (const { name, startOne, open } of [
  { name: 'Node', startOne: startNode, open: onDisk },
  { name: 'workerd', startOne: startWorkerd, open: inBucket },
]) {
  describe(`an edge without workers on ${name}`, () => {
    let sqs: SqsServer;
    let place: Place;
    let jobs: JobStore;
    let queues: Queues;
    let edge: { url: string; close(): Promise<void> };
    before(async () => {
      sqs = await startSqs();
      place = await open(sqs);
      jobs = createJobStore(place.store);
      const opened = openSqsQueues(sqs, 'edge');
      queues = opened.open();
      edge = await startOne({
        ...place.environment,
        ...opened.environment,
        FOURM_WORKERS: '',
        FOURM_MODELS_TTL_SECONDS: '0',
      });
    });
    after(async () => {
      await edge?.close();
      await sqs?.stop();
      await place?.remove();
    });

    let seed = 1;
    const ask = (headers: Record<string, string> = {}) =>
      fetch(`${edge.url}/v1/generate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ inputs: { caption: 'x' }, targets: ['depth'], seed: seed++ }),
      });
    const submit = async (): Promise<Job> => {
      const answer = await ask({ prefer: 'respond-async' });
      assert.equal(answer.status, 202);
      return jobSchema.parse(await answer.json());
    };
    const look = async (id: string): Promise<Job> =>
      jobSchema.parse(await (await fetch(`${edge.url}/v1/jobs/${id}`)).json());

    test('it is ready as soon as a worker has said once which models there are', async () => {
      const early = await fetch(`${edge.url}/readyz`);
      assert.match((await problemOf(early, 'not_ready')).detail ?? '', /no model is loaded/);
      const nobody = await problemOf(await ask({ prefer: 'respond-async' }), 'worker_unavailable');
      assert.match(nobody.detail ?? '', /none has said before which models/);
      const memory = createModelMemory(place.store, { refreshMilliseconds: 1 });
      await memory.remember([{ ...MODEL, state: 'loaded' }]);
      assert.equal((await fetch(`${edge.url}/readyz`)).status, 200);
      const { models } = await (await fetch(`${edge.url}/v1/models`)).json();
      const served = { ...MODEL, served: true };
      assert.deepEqual(models, [served], 'without a state, which was true for a moment');
    });

    test('a job is one message with its name, in the queue of its priority; a worker that starts later does it', async () => {
      const job = await submit();
      const waited = await ask({ prefer: 'wait=1' });
      assert.equal(waited.status, 202);
      const interactive = jobSchema.parse(await waited.json());
      const direct = await problemOf(await ask(), 'worker_unavailable');
      assert.match(direct.detail ?? '', /Prefer: respond-async/);
      const tokenized = await fetch(`${edge.url}/v1/tokenize`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs: { caption: 'x' } }),
      });
      const never = await problemOf(tokenized, 'worker_unavailable');
      assert.doesNotMatch(never.detail ?? '', /Prefer/, 'it cannot be a job');
      assert.equal((await queues.batch.depth()).waiting, 1);
      assert.equal((await queues.interactive.depth()).waiting, 1);
      await using([consumerOver(place.store, { run: works, queues })], async () => {
        for (const { id } of [job, interactive]) {
          const wait = { tenant: 'default', id };
          for (let tries = 0; (await jobs.read(wait))?.status !== 'succeeded'; tries++) {
            assert.ok(tries < 300, 'it has succeeded');
            await sleep(20);
          }
        }
      });
      assert.equal((await look(job.id)).status, 'succeeded');
    });

    test('progress that no worker can be asked for comes from the signs of life, and is resumed behind an id', async () => {
      const job = await submitJob(jobs, 'progress');
      const holder = { worker: 'far', until: Date.now() + 60_000 };
      const begun = start(job, holder, Date.now());
      assert.ok(begun && (await jobs.write(begun)));
      const processing = advance(begun, Date.now());
      assert.ok(processing && (await jobs.write(processing)));
      const at = (number: number) =>
        jobs.hold(job, {
          ...holder,
          progress: {
            id: `1-${number}`,
            progress: { target: 'depth', step: number, steps: 9, fraction: number / 9 },
          },
        });
      await at(3);
      const seen: string[] = [];
      const client = createClient({ baseUrl: edge.url });
      const handle = await client.jobs.get(job.id);
      for await (const { event, id } of handle.events()) {
        seen.push(`${event} ${id}`);
        if (id === '1-3') await at(7);
        if (id === '1-7') await handle.cancel();
      }
      assert.deepEqual(seen, ['progress 1-3', 'progress 1-7', 'canceled end']);
      const late: string[] = [];
      for await (const { id } of handle.events({ after: '1-7' })) late.push(id);
      assert.deepEqual(late, ['end']);
    });

    test('a job whose time is over has failed, although no worker says so', async () => {
      const id = createJobId(Date.now() - 120_000);
      const job = await submitJob(jobs, 'late', { id }, 60_000, Date.now() - 120_000);
      const { status, problem } = await look(job.id);
      assert.deepEqual([status, problem?.code], ['failed', 'deadline_exceeded']);
      assert.equal(await jobs.inputs(job), undefined, 'what it needed is removed');
      const soon = await submitJob(jobs, 'soon', {}, 60_000, Date.now() - 70_000);
      assert.equal((await look(soon.id)).status, 'queued', 'a worker has time to say so itself');
    });

    test('a queue that does not answer: the job is kept, and is sent when it is asked for again', {
      skip: name === 'workerd' && 'its store is in the same server',
    }, async () => {
      const { port } = sqs.server;
      await sqs.server.stop();
      const job = await submit();
      assert.equal((await look(job.id)).status, 'queued');
      sqs = await startSqs(port);
      queues = openSqsQueues(sqs, 'edge').open();
      assert.equal((await queues.batch.depth()).waiting, 0);
      await look(job.id);
      const [message, ...more] = await queues.batch.receive({ most: 10, waitSeconds: 2 });
      assert.equal(message?.body, messageOf({ tenant: 'default', id: job.id }));
      await look(job.id);
      assert.deepEqual([more, (await queues.batch.depth()).waiting], [[], 0], 'once');
    });
  });
}
