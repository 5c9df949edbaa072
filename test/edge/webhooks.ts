/** Webhooks: asked for with a job, told, looked at, told again; and what is no webhook. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJobId } from '../../shared/api/jobId.ts';
import { type Job, jobSchema } from '../../shared/api/jobs.ts';
import type { ProblemCode } from '../../shared/api/problem.ts';
import { jobWebhookSchema } from '../../shared/api/webhookPayload.ts';
import { deliveriesResponseSchema, deliverySchema } from '../../shared/api/webhooks.ts';
import { createClient, verifyWebhook } from '../../shared/client/index.ts';
import { createJob } from '../../shared/jobs/job.ts';
import { createJobStore } from '../../shared/jobs/jobStore.ts';
import { present } from '../../shared/lookup.ts';
import { describedJob } from '../support/describedJob.ts';
import {
  answers,
  type Received,
  type Receiver,
  verified,
  withReceiver,
} from '../support/receiver.ts';
import { closedGate, until } from '../support/waiting.ts';
import { problemOf } from './errors.ts';
import type { Fixture } from './suite.ts';

/** @param areThere whether edge and worker share a store */
export function webhookTests(f: Fixture, areThere: boolean): void {
  let seed = 95_000;
  const fresh = () => ({ inputs: { caption: 'told' }, targets: ['depth'], seed: seed++ });
  const ask = (body: object, headers: Record<string, string> = { prefer: 'respond-async' }) =>
    fetch(`${f.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const at = (path: string, init?: RequestInit) => fetch(`${f.url}/v1${path}`, init);
  const submit = async (body: object): Promise<Job> => {
    const answer = await ask(body);
    assert.equal(answer.status, 202);
    return jobSchema.parse(await answer.json());
  };
  const deliveriesOf = async (id: string) =>
    deliveriesResponseSchema.parse(await (await at(`/jobs/${id}/deliveries`)).json()).deliveries;
  const secretOf = async (): Promise<string> =>
    ((await (await at('/webhook-secret')).json()) as { secret: string }).secret;
  const told = async (receiver: Receiver, count: number): Promise<readonly Received[]> => {
    await until(() => receiver.received.length >= count, `${count} webhooks have come`);
    return receiver.received;
  };

  const pointerOf = async (answer: Promise<Response>, code: ProblemCode) =>
    (await problemOf(await answer, code)).errors?.[0]?.pointer;

  test('webhooks: an address that may not be told is refused with its field, also in a dry run', async () => {
    const bodies = (webhook: unknown) => [
      { ...fresh(), webhook, dry_run: true },
      { ...fresh(), webhook },
    ];
    for (const [webhook, code] of [
      ['nowhere', 'invalid_address'],
      ['https://', 'invalid_address'],
      ['https://user:word@receiver.example/', 'invalid_address'],
      ['ftp://receiver.example/', 'insecure_address'],
      ['https://10.0.0.1/', 'forbidden_address'],
      ['https://169.254.169.254/latest/meta-data', 'forbidden_address'],
      ['https://[::ffff:10.0.0.1]/', 'forbidden_address'],
      ['https://0x0a000001/', 'forbidden_address'],
      [5, 'invalid_request'],
      ['', 'invalid_request'],
      [`https://receiver.example/${'x'.repeat(3000)}`, 'invalid_request'],
    ] as const)
      for (const body of bodies(webhook))
        assert.equal(await pointerOf(ask(body), code), '/webhook', String(webhook));
    const events = (webhook_events_filter: unknown, webhook?: string) =>
      ask({ ...fresh(), webhook_events_filter, ...(webhook && { webhook }) });
    const url = 'https://receiver.example/';
    for (const wrong of [['job.x'], [], 'job.failed', ['batch.completed']])
      assert.match(
        (await pointerOf(events(wrong, url), 'invalid_request')) ?? '',
        /^\/webhook_events_filter/,
      );
    assert.equal(
      await pointerOf(events(['job.failed']), 'invalid_request'),
      '/webhook_events_filter',
    );
    const dry = await ask({ ...fresh(), webhook: url, dry_run: true });
    assert.equal(dry.status, 200);
  });

  if (!areThere) {
    test('webhooks: none without a store that workers share', async () => {
      const body = { ...fresh(), webhook: 'https://receiver.example/' };
      await problemOf(await ask(body), 'no_jobs');
      assert.equal(await pointerOf(ask(body, {}), 'no_jobs'), '/webhook');
      await problemOf(await at('/webhook-secret'), 'no_jobs');
      await problemOf(await at('/webhook-secret/rotate', { method: 'POST' }), 'no_jobs');
      await problemOf(await at(`/jobs/${createJobId(Date.now())}/deliveries`), 'no_jobs');
    });
    return;
  }

  test('webhooks: the end of a job is told, signed, and every attempt can be looked at', async () => {
    await withReceiver(async (receiver) => {
      const job = await submit({ ...fresh(), webhook: receiver.url });
      const [request] = await told(receiver, 1);
      assert.ok(request);
      const event = verified(request, await secretOf());
      assert.equal(jobWebhookSchema.parse(event).type, 'job.succeeded');
      assert.deepEqual(
        [event.data.id, event.data.status, event.data.url],
        [job.id, 'succeeded', `/v1/jobs/${job.id}`],
      );
      assert.ok(!('result' in event.data));
      const own = await verifyWebhook(request.body, request.headers, await secretOf());
      assert.deepEqual(own, event);
      await until(async () => (await deliveriesOf(job.id))[0]?.status === 'delivered', 'delivered');
      const [delivery, ...others] = await deliveriesOf(job.id);
      assert.deepEqual(others, []);
      assert.equal(delivery?.id, request.headers['webhook-id']);
      assert.equal(delivery?.url, receiver.url);
      assert.deepEqual(
        delivery?.attempts.map(({ status, manual }) => [status, manual]),
        [[200, false]],
      );
    });
  });

  test('webhooks: a request chooses what is told; a job that is canceled tells that', async () => {
    await withReceiver(async (receiver) => {
      const open = closedGate(f);
      const webhook = receiver.url;
      const all = {
        webhook,
        webhook_events_filter: ['job.started', 'job.canceled', 'job.started'],
      };
      const job = await submit({ ...fresh(), ...all });
      const silent = await submit({ ...fresh(), webhook, webhook_events_filter: ['job.failed'] });
      await told(receiver, 1);
      assert.equal((await at(`/jobs/${job.id}`, { method: 'DELETE' })).status, 200);
      const requests = await told(receiver, 2);
      open();
      const secret = await secretOf();
      assert.deepEqual(
        requests.map((request) => verified(request, secret).type),
        ['job.started', 'job.canceled'],
      );
      await until(async () => {
        const { status } = jobSchema.parse(await (await at(`/jobs/${silent.id}`)).json());
        return status === 'succeeded';
      }, 'the silent one ends');
      assert.deepEqual(await deliveriesOf(silent.id), []);
      assert.equal(receiver.received.length, 2);
    });
  });

  test('webhooks: a job that was done when it came is told as well, at once and with wait', async () => {
    await withReceiver(async (receiver) => {
      const body = fresh();
      await (await ask(body, {})).json();
      const done = await submit({ ...body, webhook: receiver.url });
      assert.equal(done.status, 'succeeded');
      await told(receiver, 1);
      const waited = await ask(
        { ...body, webhook: receiver.url, webhook_events_filter: ['job.succeeded'] },
        { prefer: 'wait=20' },
      );
      assert.equal(waited.status, 200);
      assert.equal(waited.headers.get('preference-applied'), 'wait=20');
      const requests = await told(receiver, 2);
      const ids = requests.map(({ headers }) => headers['webhook-id']);
      assert.equal(new Set(ids).size, 2);
      // A copy that still holds is no reason to say nothing.
      const etag = (await ask(body, {})).headers.get('etag') ?? '';
      await ask({ ...body, webhook: receiver.url }, { prefer: 'wait=20', 'if-none-match': etag });
      await told(receiver, 3);
    });
  });

  test('webhooks: what is answered directly has none to tell, and says so', async () => {
    const body = { ...fresh(), webhook: 'https://receiver.example/' };
    assert.equal(await pointerOf(ask(body, {}), 'invalid_request'), '/webhook');
    const events = ask(body, { prefer: 'wait=5', accept: 'text/event-stream' });
    assert.equal(await pointerOf(events, 'invalid_request'), '/webhook');
    await problemOf(await ask(body, { 'cache-control': 'only-if-cached' }), 'invalid_request');
  });

  test('webhooks: told again when somebody asks, by the client, with the id that it had', async () => {
    await withReceiver(async (receiver) => {
      const client = createClient({ baseUrl: f.url });
      receiver.answer = answers(410);
      const job = await client.jobs.submit('generate', { ...fresh(), webhook: receiver.url });
      await until(async () => (await deliveriesOf(job.id))[0]?.status === 'failed', 'it failed');
      const [failed] = await client.webhooks.deliveries(job.id);
      assert.match(failed?.detail ?? '', /410.*redelivery/);
      receiver.answer = answers(200);
      const again = await client.webhooks.redeliver(job.id, failed?.id ?? '');
      assert.equal(deliverySchema.parse(again).id, failed?.id);
      await until(async () => (await deliveriesOf(job.id))[0]?.status === 'delivered', 'it came');
      const [delivered] = await client.webhooks.deliveries(job.id);
      assert.deepEqual(
        delivered?.attempts.map(({ status, manual }) => [status, manual]),
        [
          [410, false],
          [200, true],
        ],
      );
      const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
      assert.deepEqual(ids, [failed?.id, failed?.id]);
    });
  });

  test('webhooks: a new secret signs beside the old one', async () => {
    await withReceiver(async (receiver) => {
      const client = createClient({ baseUrl: f.url });
      const { secret: old } = await client.webhooks.secret();
      const { secret, previous } = await client.webhooks.rotate();
      assert.notEqual(secret, old);
      const [before] = previous;
      const left = Date.parse(before?.expires_at ?? '') - Date.now();
      assert.ok(left > 23.9 * 3_600_000 && left <= 24 * 3_600_000, `${left} ms`);
      await submit({ ...fresh(), webhook: receiver.url });
      const [request] = await told(receiver, 1);
      for (const known of [old, secret])
        assert.equal(verified(present(request, 'the webhook'), known).type, 'job.succeeded');
    });
  });

  test('webhooks: of another tenant, of no job, and of no delivery, nothing is answered', async () => {
    assert.ok(f.shared);
    const foreign = createJob(describedJob({ tenant: 'another' }), Date.now());
    await createJobStore(f.shared).create(foreign);
    const event = `msg_${'0'.repeat(32)}`;
    const again = (id: string, of: string) =>
      at(`/jobs/${id}/deliveries/${of}/redeliver`, { method: 'POST' });
    for (const id of [createJobId(Date.now()), foreign.id, 'job_x']) {
      assert.equal(await pointerOf(at(`/jobs/${id}/deliveries`), 'unknown_job'), '/id');
      assert.equal(await pointerOf(again(id, event), 'unknown_job'), '/id');
    }
    const job = await submit(fresh());
    assert.deepEqual(await deliveriesOf(job.id), []);
    for (const of of [event, 'msg_x', '..%2f..%2fresults'])
      assert.equal(await pointerOf(again(job.id, of), 'unknown_delivery'), '/event');
  });
}
