/** Trace context by the recommendation's own examples, and spans of both tracers as a collector receives them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLightTracer } from '../../shared/tracing/light.ts';
import { createOpenTelemetry } from '../../shared/tracing/openTelemetry.ts';
import { continued, parseTraceparent, traceIdOf } from '../../shared/tracing/traceparent.ts';
import { NO_TRACER, type Tracer } from '../../shared/tracing/tracer.ts';
import { type Collector, startCollector } from '../support/collector.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const given = `00-${TRACE}-${PARENT}-01`;

test('traceparent: read, refused, continued', () => {
  assert.deepEqual(parseTraceparent(given), { traceId: TRACE, spanId: PARENT, sampled: true });
  assert.equal(parseTraceparent(`00-${TRACE}-${PARENT}-00`)?.sampled, false);
  // Version 00 ends there; a later version may say more, and is read as far as it is known.
  assert.equal(parseTraceparent(`cc-${TRACE}-${PARENT}-01-what-comes`)?.traceId, TRACE);
  for (const wrong of [
    undefined,
    '',
    'nonsense',
    given.toUpperCase(),
    `${given}-more`,
    `ff-${TRACE}-${PARENT}-01`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${PARENT}`,
  ]) {
    assert.equal(parseTraceparent(wrong), undefined, wrong);
    assert.match(continued(wrong), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  }
  assert.equal(continued(given), given);
  assert.equal(traceIdOf(given), TRACE);
});

test('without a tracer a trace is handed on as it came', () => {
  const span = NO_TRACER.start({ name: 'x', parent: given });
  assert.deepEqual([span.traceparent, span.isRecorded], [given, false]);
});

let collector: Collector;
before(async () => {
  collector = await startCollector();
});
after(() => collector.close());

const tracers: Readonly<Record<string, () => Tracer>> = {
  light: () =>
    createLightTracer({
      service: 'tested',
      endpoint: `${collector.url}/`,
      headers: 'one=1,two=a%20b',
      log: (line) => assert.fail(line),
    }),
  OpenTelemetry: () => {
    process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
    process.env.OTEL_EXPORTER_OTLP_HEADERS = 'one=1,two=a%20b';
    return createOpenTelemetry('tested', 'here');
  },
};

for (const [name, create] of Object.entries(tracers)) {
  test(`${name}: spans arrive with parents, times, kinds and attributes`, async () => {
    const tracer = create();
    const traceId = (name === 'light' ? 'a' : 'b').repeat(32);
    const parent = `00-${traceId}-${PARENT}-01`;
    const outer = tracer.start({
      name: 'outer',
      kind: 'server',
      parent,
      attributes: { text: 'a' },
    });
    const started = Date.now() - 500;
    const inner = tracer.start({ name: 'given', parent: outer.traceparent, started });
    inner.set({ count: 3, part: 0.5, yes: true });
    inner.rename('inner');
    inner.end(started + 250);
    outer.fail('internal');
    outer.end();
    const off = tracer.start({ name: 'off', parent: `00-${traceId}-${PARENT}-00` });
    assert.equal(off.isRecorded, false);
    off.end();
    await tracer.flush();
    const spans = await collector.trace(traceId, ['outer', 'inner']);
    assert.equal(spans.length, 2);
    const [first, second] = ['outer', 'inner'].map((own) =>
      spans.find((span) => span.name === own),
    );
    assert.deepEqual(
      [first?.parentSpanId, first?.kind, first?.service, first?.attributes],
      [PARENT, 2, 'tested', { text: 'a' }],
    );
    assert.deepEqual(
      [second?.parentSpanId, second?.kind, second?.attributes],
      [first?.spanId, 1, { count: 3, part: 0.5, yes: true }],
    );
    assert.deepEqual([second?.started, second?.ended], [started, started + 250]);
    assert.equal(collector.headers().two, 'a b');
  });
}

test('the light tracer without a collector says so, and goes on', async () => {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const tracer = createLightTracer({ service: 'x', endpoint: 'http://127.0.0.1:1', log });
  tracer.start({ name: 'x' }).end();
  await tracer.flush();
  await tracer.flush();
  assert.equal(lines.length, 1);
});
