/** What real processes tell of themselves: traces that arrive in a collector, metrics, and the log. */
import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Stack, startStack } from '../../infra/stack.ts';
import { createClient } from '../../shared/client/index.ts';
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.ts';
import { metricsOf, readExposition, sumOf } from '../support/exposition.ts';
import { loggedIn, readLog } from '../support/logFile.ts';
import { assertReadable, readQueries } from '../support/watchedQueries.ts';

const hex = (digit: string, length: number): string => digit.repeat(length);
const CALLER = hex('c', 16);
const header = (traceId: string, flags = '01') => ({
  traceparent: `00-${traceId}-${CALLER}-${flags}`,
});

describe('watching real processes', () => {
  let stack: Stack;
  let collector: Collector;
  let folder = '';
  let logFile = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), '4m-watching-'));
    logFile = join(folder, 'log');
    collector = await startCollector();
    const output = await open(logFile, 'w');
    stack = await startStack({
      port: 0,
      dataFolder: folder,
      output: output.fd,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-of-the-collector=its%20secret',
        OTEL_BSP_SCHEDULE_DELAY: '200',
        FOURM_THREADS: '1',
        FOURM_URLS_ALLOW: 'http,loopback',
      },
    });
    await output.close();
  });
  after(async () => {
    await stack?.close();
    await collector?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = (body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${stack.url}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const depth = (caption: string) => ({
    inputs: { caption },
    targets: [{ modality: 'depth', steps: 3 }],
  });
  const entries = () => readLog(logFile);

  const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan =>
    spans.find((span) => span.name === name) ?? assert.fail(`there is a span ${name}`);
  const within = (child: CollectedSpan, parent: CollectedSpan): void => {
    assert.equal(child.parentSpanId, parent.spanId, `${child.name} belongs to ${parent.name}`);
    // Clocks of two processes, and timers, differ by a little.
    assert.ok(child.started >= parent.started - 50, `${child.name} begins within ${parent.name}`);
  };

  test('a request: edge -> dispatch -> worker -> steps and decoding, in the trace of its caller', async () => {
    const traceId = hex('a', 32);
    const response = await ask(depth('a red cube'), { ...header(traceId), 'x-request-id': 'mine' });
    assert.equal(response.status, 200);
    const wanted = ['POST /v1/generate', 'dispatch generate', 'generate', 'step predict'];
    const spans = await collector.trace(traceId, [...wanted, 'queue', 'decode tok_depth@64']);
    const [edge, dispatch, worker] = wanted.map((name) => named(spans, name));
    assert.ok(edge && dispatch && worker);
    assert.deepEqual(
      [edge, dispatch, worker].map(({ service, kind }) => [service, kind]),
      [
        ['4m-edge', 2],
        ['4m-edge', 3],
        ['4m-worker', 2],
      ],
    );
    assert.equal(edge.parentSpanId, CALLER);
    within(dispatch, edge);
    within(worker, dispatch);
    const steps = spans.filter(({ name }) => name === 'step predict');
    // Guidance may take a run of its own before the first step.
    assert.ok(steps.length >= 3, `${steps.length} for three decoding steps`);
    assert.equal(steps.length, worker.attributes['fourm.steps']);
    for (const span of [...steps, named(spans, 'queue'), named(spans, 'decode tok_depth@64')]) {
      within(span, worker);
      assert.ok(span.ended <= worker.ended + 50);
    }
    assert.ok(steps.every(({ attributes }) => Number(attributes['fourm.rows']) >= 1));
    assert.ok(steps.every(({ attributes }) => Number(attributes['fourm.tokens']) >= 1));
    assert.equal(edge.attributes['http.response.status_code'], 200);
    assert.equal(worker.attributes['request.id'], 'mine');
    assert.equal(collector.headers()['x-of-the-collector'], 'its secret');
  });

  test('a job goes on with the trace of whoever asked for it', async () => {
    const traceId = hex('b', 32);
    const asked = await ask(depth('two green cylinders'), {
      ...header(traceId),
      prefer: 'respond-async',
    });
    assert.equal(asked.status, 202);
    const { id } = (await asked.json()) as { id: string };
    await createClient({ baseUrl: stack.url }).jobs.get(id);
    const wanted = ['POST /v1/generate', 'job wait', 'generate', 'step predict'];
    const spans = await collector.trace(traceId, wanted);
    const [edge, wait, worker, step] = wanted.map((name) => named(spans, name));
    assert.ok(edge && wait && worker && step);
    assert.deepEqual([worker.service, worker.kind], ['4m-worker', 5]);
    within(wait, edge);
    within(worker, edge);
    within(step, worker);
    const done = await logged((entry) => entry.event === 'job' && entry.id === id);
    assert.deepEqual([done.trace_id, done.status], [traceId, 'succeeded']);
  });

  test('a trace that its caller does not record is not recorded here', async () => {
    const traceId = hex('d', 32);
    assert.equal((await ask(depth('a sphere'), header(traceId, '00'))).status, 200);
    const later = hex('e', 32);
    await ask(depth('a cone'), header(later));
    await collector.trace(later, ['generate', 'POST /v1/generate']);
    assert.deepEqual(
      collector.spans.filter((span) => span.traceId === traceId),
      [],
    );
  });

  const logged = (fits: Parameters<typeof loggedIn>[1]) => loggedIn(logFile, fits);

  test('the log: one object a line, and every line of a request names it and its trace', async () => {
    const traceId = hex('f', 32);
    const names = { request_id: 'one-of-mine', trace_id: traceId };
    const headers = { ...header(traceId), 'x-request-id': names.request_id };
    assert.equal((await ask(depth('three boxes'), headers)).status, 200);
    const bad = await ask({ inputs: { caption: 'a private text' }, targets: ['nothing'] }, headers);
    assert.equal(bad.status, 400);
    await logged((entry) => entry.event === 'request' && entry.status === 400);
    const all = await entries();
    for (const entry of all) {
      assert.ok(['worker', 'edge'].includes(String(entry.service)), JSON.stringify(entry));
      assert.ok(!Number.isNaN(Date.parse(String(entry.time))));
      assert.ok(['info', 'warn', 'error'].includes(String(entry.level)));
    }
    const own = all.filter((entry) => entry.request_id === names.request_id);
    assert.deepEqual(
      own.map(({ service, event, status }) => [service, event, status]),
      [
        ['worker', 'generate', 200],
        ['edge', 'request', 200],
        ['edge', 'request', 400],
      ],
    );
    assert.ok(own.every((entry) => entry.trace_id === traceId));
    assert.doesNotMatch(await readFile(logFile, 'utf8'), /three boxes|a private text|its secret/);
  });

  test('metrics: what was done is counted, on both sides', async () => {
    const [worker, edge] = [await metricsOf(stack.workerUrl), await metricsOf(stack.url)];
    const [stepsBefore, hitsBefore] = [
      sumOf(worker, 'fourm_worker_step_seconds_count', { kind: 'predict' }),
      sumOf(edge, 'fourm_edge_cache_total', { route: 'generate', outcome: 'hit' }),
    ];
    assert.ok(stepsBefore > 0);
    const traceId = hex('9', 32);
    await ask(depth('counted'), header(traceId));
    const spans = await collector.trace(traceId, ['generate']);
    const hit = await ask(depth('counted'));
    assert.match(hit.headers.get('cache-status') ?? '', /hit/);
    const [after, edgeAfter] = [await metricsOf(stack.workerUrl), await metricsOf(stack.url)];
    assert.equal(
      sumOf(after, 'fourm_worker_step_seconds_count', { kind: 'predict' }) - stepsBefore,
      spans.filter(({ name }) => name === 'step predict').length,
    );
    assert.equal(
      sumOf(edgeAfter, 'fourm_edge_cache_total', { route: 'generate', outcome: 'hit' }),
      hitsBefore + 1,
    );
    const { usage } = (await hit.json()) as {
      usage: { encoder_passes: number; decoder_passes: number };
    };
    assert.equal(
      sumOf(edgeAfter, 'fourm_edge_passes_saved_total', { reason: 'stored' }) -
        sumOf(edge, 'fourm_edge_passes_saved_total', { reason: 'stored' }),
      usage.encoder_passes + usage.decoder_passes,
    );
    assert.ok(sumOf(after, 'fourm_worker_queue_wait_seconds_count') > 0);
    assert.ok(sumOf(after, 'fourm_worker_jobs_total', { status: 'succeeded' }) >= 1);
    assert.ok(sumOf(after, 'fourm_worker_model_load_seconds_count') >= 1);
    assert.ok(after.has('nodejs_eventloop_lag_p99_seconds'));
    // A chain that goes on from kept tokens does not cost the passes of what is there.
    const chain = (...names: string[]) => ({
      inputs: { caption: 'a chain' },
      targets: names.map((modality) => ({ modality, steps: 2 })),
      keep: true,
    });
    const usageOf = async (body: object) =>
      ((await (await ask(body)).json()) as { usage: typeof usage }).usage;
    await usageOf(chain('depth'));
    const rest = await usageOf(chain('depth', 'normal'));
    const dry = await usageOf({ ...chain('depth', 'normal'), seed: 1, dry_run: true });
    const reused = { reason: 'reused_target' };
    assert.equal(
      sumOf(await metricsOf(stack.workerUrl), 'fourm_worker_passes_saved_total', reused),
      dry.encoder_passes + dry.decoder_passes - rest.encoder_passes - rest.decoder_passes,
    );
    // A caller's words are no labels.
    await fetch(`${stack.url}/v1/no-such-address-of-mine`);
    const [texts] = [await (await fetch(`${stack.url}/metrics`)).text()];
    assert.doesNotMatch(texts, /no-such-address/);
    assert.ok(sumOf(readExposition(texts), 'fourm_edge_requests_total', { route: 'none' }) >= 1);
  });

  test('batches and open jobs are counted', async () => {
    const client = createClient({ baseUrl: stack.url });
    const line = (custom_id: string, target: string) => ({
      custom_id,
      method: 'POST',
      url: '/v1/generate',
      body: { inputs: { caption: custom_id }, targets: [{ modality: target, steps: 1 }] },
    });
    const lines = [line('one', 'depth'), line('two', 'nothing'), line('three', 'depth')];
    const input = new Blob([lines.map((one) => JSON.stringify(one)).join('\n')]);
    const { id } = await client.batches.create(input);
    await logged(({ event, status, ...entry }) => {
      return event === 'batch' && entry.id === id && status === 'completed';
    });
    const worker = await metricsOf(stack.workerUrl);
    const ended = (outcome: string) => sumOf(worker, 'fourm_worker_batch_lines_total', { outcome });
    assert.deepEqual([ended('completed'), ended('failed')], [2, 1]);
    const reached = (status: string) => sumOf(worker, 'fourm_worker_batches_total', { status });
    assert.deepEqual(
      ['in_progress', 'finalizing', 'completed', 'failed'].map(reached),
      [1, 1, 1, 0],
    );
    // The worker has looked for jobs at its start, and none was open.
    assert.equal(worker.get('fourm_worker_jobs_open')?.samples.size, 1);
    assert.equal(sumOf(worker, 'fourm_worker_jobs_open'), 0);
    const queue = worker.get('fourm_worker_queue_messages')?.samples;
    const names = queue?.get('fourm_worker_queue_messages')?.map(({ labels }) => labels.queue);
    for (const name of ['interactive', 'batch', 'dead']) assert.ok(names?.includes(name), name);
  });

  test('attempts at webhooks are counted, and neither address nor secret is logged', async () => {
    let told = 0;
    const receiver = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(++told > 1 ? 204 : 500).end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const webhook = `http://127.0.0.1:${port}/hooks/the-path-of-a-receiver?key=its-key`;
    try {
      const asked = await ask({ ...depth('told'), webhook }, { prefer: 'respond-async' });
      assert.equal(asked.status, 202, await asked.text());
      // The second attempt comes after seconds.
      await logged(({ event, answered }) => event === 'webhook' && answered === 204);
    } finally {
      receiver.close();
      receiver.closeAllConnections();
    }
    const worker = await metricsOf(stack.workerUrl);
    const attempts = (outcome: string) =>
      sumOf(worker, 'fourm_worker_webhook_attempts_total', { scheme: 'http', outcome });
    assert.deepEqual([attempts('delivered'), attempts('5xx')], [1, 1]);
    assert.equal(sumOf(worker, 'fourm_worker_webhook_attempt_seconds_count'), 2);
    const { secret } = (await (await fetch(`${stack.url}/v1/webhook-secret`)).json()) as {
      secret: string;
    };
    assert.match(secret, /^whsec_/);
    const log = await readFile(logFile, 'utf8');
    for (const hidden of [secret, 'the-path-of-a-receiver', 'its-key'])
      assert.ok(!log.includes(hidden), hidden);
  });

  test('every query of the dashboard and the alerts reads what is told, by labels that it has', async () => {
    const told = new Map([...(await metricsOf(stack.workerUrl)), ...(await metricsOf(stack.url))]);
    const queries = await readQueries();
    assert.ok(queries.length > 20, `${queries.length} queries`);
    for (const query of queries) assertReadable(query, told);
  });
});
