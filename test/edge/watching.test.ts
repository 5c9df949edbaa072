/** What an edge in workerd tells of itself: spans by OTLP before its request's work ends, and its log. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Collector, startCollector } from '../support/collector.ts';
import { type FakeWorker, SECRET, startFakeWorker } from '../support/fakeWorker.ts';
import type { RunningProcess } from '../support/workerd.ts';
import { startWorkerdAlone } from '../support/workerdAlone.ts';

describe('watching an edge in workerd', () => {
  let collector: Collector;
  let worker: FakeWorker;
  let edge: RunningProcess;
  before(async () => {
    [collector, worker] = await Promise.all([startCollector(), startFakeWorker()]);
    edge = await startWorkerdAlone({
      FOURM_WORKERS: worker.url,
      FOURM_WORKER_SECRET: SECRET,
      FOURM_STORE: 'memory',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-of-the-collector=its%20secret',
    });
  });
  after(async () => {
    await edge?.close();
    await worker?.close();
    await collector?.close();
  });
  const ask = async (traceId: string, accept: string): Promise<string> => {
    const response = await fetch(`${edge.url}/v1/generate`, {
      method: 'POST',
      headers: {
        accept,
        'content-type': 'application/json',
        traceparent: `00-${traceId}-${'c'.repeat(16)}-01`,
      },
      body: JSON.stringify({ inputs: { caption: accept }, targets: ['depth'] }),
    });
    assert.equal(response.status, 200);
    return await response.text();
  };

  for (const [digit, accept] of [
    ['a', 'application/json'],
    ['b', 'text/event-stream'],
  ] as const)
    test(`spans of a request that is answered as ${accept}`, async () => {
      const traceId = digit.repeat(32);
      await ask(traceId, accept);
      const spans = await collector.trace(traceId, ['POST /v1/generate', 'dispatch generate']);
      const [request, dispatch] = ['POST /v1/generate', 'dispatch generate'].map((name) =>
        spans.find((span) => span.name === name),
      );
      assert.deepEqual(
        [request?.parentSpanId, request?.kind, request?.service],
        ['c'.repeat(16), 2, '4m-edge'],
      );
      assert.equal(request?.attributes['http.response.status_code'], 200);
      assert.equal(dispatch?.parentSpanId, request?.spanId);
      // The worker is told of the dispatch, so that its spans stand below it.
      assert.ok(worker.traces.includes(`00-${traceId}-${dispatch?.spanId}-01`));
      assert.equal(collector.headers()['x-of-the-collector'], 'its secret');
    });

  test('metrics are not there: an isolate is one of many', async () => {
    assert.equal((await fetch(`${edge.url}/metrics`)).status, 404);
  });
});
