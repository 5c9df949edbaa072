/** What was charged, as those read it who bill it: a spreadsheet, and a receiver of CloudEvents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableOf } from '../../edge/routes/usage.ts';
import type { Decided } from '../../shared/credit/usage.ts';
import { type CloudEvent, createSink } from '../../worker/credit/sink.ts';

test('a table has cells of RFC 4180, of which a spreadsheet takes none for a formula', () => {
  const sums = { requests: 2, cached: 1, units: 3, amount: 40, returned: 0 };
  const models = ['plain', 'a,b', 'a"b', 'a\r\nb', '=1+1', '+1', '-1', '@x', '\t=1', '=a"b'];
  const table = tableOf(
    models.map((model) => ({ model, ...sums })),
    ['model'],
  );
  const cells = ['plain', '"a,b"', '"a""b"', '"a\r\nb"', "'=1+1", "'+1", "'-1", "'@x", "'\t=1"];
  const lines = [...cells, '"\'=a""b"'].map((cell) => `${cell},2,1,3,40,0\r\n`);
  assert.equal(table, `model,requests,cached,units,amount,returned\r\n${lines.join('')}`);
});

test('events are batches of CloudEvents 1.0, with the same ids when they are sent again', async () => {
  const decided = Array.from({ length: 150 }, (_, n): Decided => {
    const charge = {
      id: `charge-${n}`,
      at: 1_700_000_000_000,
      key: 'k',
      task: 'generate',
      model: 'm',
    };
    const sums = { units: 1, amount: n, request: 'r' };
    return { charge: { ...charge, ...sums }, fate: n % 2 ? 'back' : 'spent', currency: 'EUR' };
  });
  const sent: { headers: Headers; events: CloudEvent[] }[] = [];
  let answers = [204, 500, 204, 202];
  const sink = createSink({ url: 'https://billing.example/', token: 't' }, async (_, init) => {
    sent.push({ headers: new Headers(init?.headers), events: JSON.parse(String(init?.body)) });
    const [status = 0, ...rest] = answers;
    answers = rest;
    return new Response(null, { status });
  });
  await assert.rejects(sink('acme', decided), /500/);
  await sink('acme', decided);
  assert.deepEqual(
    sent.map(({ events }) => events.length),
    [100, 50, 100, 50],
  );
  assert.deepEqual([sent[0]?.events, sent[1]?.events], [sent[2]?.events, sent[3]?.events]);
  for (const { headers } of sent) {
    assert.match(headers.get('content-type') ?? '', /^application\/cloudevents-batch\+json\b/);
    assert.equal(headers.get('authorization'), 'Bearer t');
  }
  for (const event of sent.flatMap(({ events }) => events)) {
    // What the specification requires, and the forms that it has.
    assert.equal(event.specversion, '1.0');
    for (const name of ['id', 'source', 'type'] as const) assert.ok(event[name].length > 0, name);
    assert.equal(new Date(event.time).toISOString(), event.time);
    for (const name of Object.keys(event)) assert.match(name, /^[a-z0-9]{1,20}$/);
    const { data } = event;
    assert.equal(
      event.type,
      `io.4m-edge.usage.${Number(data.amount) % 2 ? 'returned' : 'charged'}`,
    );
  }
});
