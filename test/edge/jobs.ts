/** Jobs: asked for, waited for, followed, canceled, listed; and what is no job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJobId } from '../../shared/api/jobId.ts';
import { type Job, jobSchema, jobsResponseSchema } from '../../shared/api/jobs.ts';
import { createClient, ProblemError } from '../../shared/client/index.ts';
import { createJob } from '../../shared/jobs/job.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { readEvents, type ServerSentEvent } from '../../shared/sse.ts';
import type { Store } from '../../shared/store/store.ts';
import { createAsk } from '../../worker/batches/ask.ts';
import { createDeliverer } from '../../worker/webhooks/deliverer.ts';
import { batchRunnerOver } from '../support/batches.ts';
import { consumerOver, FAST } from '../support/consumers.ts';
import { servicesOver } from '../support/delivering.ts';
import { describedJob } from '../support/describedJob.ts';
import { type FakeWorker, resultOf, SECRET } from '../support/fakeWorker.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

/**
 * Lets a fake worker do jobs: two steps, its gate between them, and the answer that it gives directly.
 * @param edge what lines of batches are asked of
 */
export function startJobs(worker: FakeWorker, store: Store, edge: string): void {
  const deliverer = createDeliverer(servicesOver(store, { worker: worker.url }), {
    slots: 64,
    stopped: new AbortController().signal,
  });
  worker.deliverer = deliverer;
  deliverer.start();
  worker.consumer = consumerOver(store, {
    announced: deliverer.take,
    times: { ...FAST, heartbeatMilliseconds: 500, leaseMilliseconds: 5000 },
    models: () => [worker.model],
    batches: batchRunnerOver(store, {
      answers: createAsk({ edge, secret: SECRET, parallel: 4, log: () => {} }),
    }),
    result: (asked) => resultOf(asked as never, worker.model),
    async run(asked, { onAdmitted, onProgress, signal }) {
      await onAdmitted();
      worker.asked.push(asked as never);
      onProgress({ target: 'depth', step: 1, steps: 2, fraction: 0.5 });
      const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
      await Promise.race([worker.gate, aborted]);
      if (signal.aborted) worker.gone.push((asked as { request_id?: string }).request_id ?? '');
      onProgress({ target: 'depth', step: 2, steps: 2, fraction: 1 });
    },
  });
  worker.consumer.start();
}

/** @param areThere whether edge and worker share a store */
export function jobTests(f: Fixture, areThere: boolean): void {
  let seed = 90_000;
  const fresh = () => ({ inputs: { caption: 'a job' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, headers: Record<string, string> = {}) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const at = (path: string, init?: RequestInit) => fetch(`${f.url}/v1/jobs${path}`, init);
  const jobOf = async (answer: Response): Promise<Job> => jobSchema.parse(await answer.json());
  const submit = async (body: object): Promise<Job> => {
    const answer = await ask(body, { prefer: 'respond-async' });
    assert.equal(answer.status, 202);
    assert.equal(answer.headers.get('preference-applied'), 'respond-async');
    const job = await jobOf(answer);
    assert.equal(answer.headers.get('location'), `/v1/jobs/${job.id}`);
    return job;
  };
  const status = async (id: string, wanted: Job['status']): Promise<Job> => {
    let job: Job | undefined;
    await until(async () => {
      job = await jobOf(await at(`/${id}`));
      return job.status === wanted;
    }, `${id} is ${wanted}`);
    return job as Job;
  };
  const eventsOf = async (id: string, after?: string): Promise<ServerSentEvent[]> => {
    const headers = after === undefined ? {} : { 'last-event-id': after };
    const answer = await at(`/${id}/events`, { headers });
    const events: ServerSentEvent[] = [];
    if (answer.body) for await (const event of readEvents(answer.body)) events.push(event);
    return events;
  };

  if (!areThere) {
    test('jobs: none without a store that workers share', async () => {
      await problemOf(await ask(fresh(), { prefer: 'respond-async' }), 'no_jobs');
      await problemOf(await at(''), 'no_jobs');
      await problemOf(await at(`/${createJobId(Date.now())}`), 'no_jobs');
      const answer = await ask(fresh(), { prefer: 'wait=5' });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('preference-applied'), null);
    });
    return;
  }

  test('jobs: 202 at once, then its events, its result, and the same result directly', async () => {
    const body = fresh();
    const asked = f.worker.asked.length;
    const { id } = await submit(body);
    const events = await eventsOf(id);
    assert.deepEqual(
      events.map(({ event, id: own }) => [event, own]),
      [
        ['progress', '1-1'],
        ['progress', '1-2'],
        ['result', 'end'],
      ],
    );
    const done = await status(id, 'succeeded');
    assert.deepEqual(JSON.parse(events[2]?.data ?? ''), done.result);
    assert.deepEqual(
      (await eventsOf(id, '1-1')).map(({ id: own }) => own),
      ['1-2', 'end'],
    );
    assert.equal(f.worker.asked[asked]?.priority, 'batch');
    const direct = await ask(body);
    assert.equal(direct.headers.get('cache-status'), 'fourm-edge; hit');
    assert.deepEqual(await direct.json(), done.result);
    // Stored: the next job has succeeded when it is answered.
    const again = await submit(body);
    assert.deepEqual([again.status, again.attempts], ['succeeded', 0]);
    assert.deepEqual(again.result, done.result);
    assert.equal(f.worker.asked.length, asked + 1);
  });

  test('jobs: wait answers what is there in time, and the job otherwise', async () => {
    const quick = await ask(fresh(), { prefer: 'wait=20', accept: 'image/png' });
    assert.equal(quick.status, 200);
    assert.equal(quick.headers.get('content-type'), 'image/png');
    assert.equal(quick.headers.get('preference-applied'), 'wait=20');
    const open = closedGate(f);
    const slow = await ask(fresh(), { prefer: 'handling=lenient, wait="1"; x=y' });
    assert.equal(slow.status, 202);
    assert.equal(slow.headers.get('preference-applied'), 'wait=1');
    const { id } = await jobOf(slow);
    assert.equal(f.worker.asked.at(-1)?.priority, 'interactive');
    open();
    await status(id, 'succeeded');
  });

  test('jobs: cancel stops a run, and a job that has ended stays as it is', async () => {
    const open = closedGate(f);
    const { id } = await submit(fresh());
    await status(id, 'processing');
    const gone = f.worker.gone.length;
    const following = eventsOf(id);
    const answer = await at(`/${id}`, { method: 'DELETE' });
    assert.equal((await jobOf(answer)).status, 'canceled');
    await until(() => f.worker.gone.length === gone + 1, 'the run stops');
    assert.equal((await following).at(-1)?.event, 'canceled');
    open();
    assert.equal((await jobOf(await at(`/${id}`, { method: 'DELETE' }))).status, 'canceled');
    const done = await submit(fresh());
    await status(done.id, 'succeeded');
    assert.equal((await jobOf(await at(`/${done.id}`, { method: 'DELETE' }))).status, 'succeeded');
  });

  test('jobs: listed by pages and by status', async () => {
    const made = [await submit(fresh()), await submit(fresh()), await submit(fresh())];
    for (const { id } of made) await status(id, 'succeeded');
    const first = jobsResponseSchema.parse(await (await at('?limit=2&status=succeeded')).json());
    assert.deepEqual(
      first.jobs.map(({ id }) => id),
      [made[2]?.id, made[1]?.id],
    );
    await submit(fresh());
    const second = await at(`?limit=1&status=succeeded&after=${first.next}`);
    assert.equal(jobsResponseSchema.parse(await second.json()).jobs[0]?.id, made[0]?.id);
  });

  test('jobs: the client submits, waits with progress, lists and cancels', async () => {
    const client = createClient({ baseUrl: f.url });
    const steps: number[] = [];
    const open = closedGate(f);
    const job = await client.jobs.submit('generate', fresh());
    const waiting = job.wait({ onProgress: ({ step }) => void steps.push(step) });
    await until(() => steps.length === 1, 'the first step is told');
    open();
    const result = await waiting;
    assert.equal(result.outputs.depth?.length, 1);
    assert.deepEqual(steps, [1, 2]);
    assert.equal((await client.jobs.get(job.id)).job.status, 'succeeded');
    assert.equal((await client.jobs.list({ limit: 1 })).jobs[0]?.id, job.id);
    const close = closedGate(f);
    const other = await client.jobs.submit('generate', fresh());
    assert.equal((await other.cancel()).status, 'canceled');
    close();
    await assert.rejects(other.wait(), ProblemError);
  });

  test('jobs: who prefers nothing never gets one', async () => {
    f.worker.failure = { code: 'overloaded', detail: 'full', retryAfterSeconds: 3 };
    try {
      const answer = await ask(fresh());
      assert.equal(answer.headers.get('retry-after'), '3');
      await problemOf(answer, 'overloaded');
      // No preference that is known: as if there were none.
      for (const prefer of ['return=minimal', 'wait=soon', 'wait', '=;,,"', 'respond-async-not'])
        await problemOf(await ask(fresh(), { prefer }), 'overloaded');
      await submit(fresh());
    } finally {
      f.worker.failure = undefined;
    }
  });

  test('jobs: what is wrong with a request for one is told with its field', async () => {
    const pointer = async (answer: Promise<Response>, code: 'invalid_request' | 'unknown_job') =>
      (await problemOf(await answer, code)).errors?.[0]?.pointer;
    for (const wait of ['0', '61', '99999999999999999999'])
      assert.equal(
        await pointer(ask(fresh(), { prefer: `wait=${wait}` }), 'invalid_request'),
        '/prefer/wait',
      );
    for (const [query, at_] of [
      ['limit=0', '/limit'],
      ['limit=101', '/limit'],
      ['limit=x', '/limit'],
      ['status=done', '/status'],
      ['after=x', '/after'],
      ['after=job_../../x', '/after'],
    ] as const)
      assert.equal(await pointer(at(`?${query}`), 'invalid_request'), at_, query);
    const both = { prefer: 'respond-async', 'cache-control': 'no-store' };
    await problemOf(await ask(fresh(), both), 'invalid_request');
    const cached = { prefer: 'respond-async', 'cache-control': 'only-if-cached' };
    await problemOf(await ask(fresh(), cached), 'not_cached');
    const bad = await ask({ ...fresh(), targets: ['nothing'] }, { prefer: 'respond-async' });
    await problemOf(bad, 'unknown_target');
    assert.ok(f.shared);
    const foreign = createJob(describedJob({ tenant: 'another' }), Date.now());
    await createJobStore(f.shared).create(foreign);
    for (const id of [createJobId(Date.now()), foreign.id, 'job_x', '..%2f..%2fresults']) {
      assert.equal(await pointer(at(`/${id}`), 'unknown_job'), '/id');
      assert.equal(await pointer(at(`/${id}`, { method: 'DELETE' }), 'unknown_job'), '/id');
      assert.equal(await pointer(at(`/${id}/events`), 'unknown_job'), '/id');
    }
  });
}
