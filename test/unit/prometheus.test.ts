/** Tables of metrics: by Prometheus' rules for names, told in its format, and listed in the documentation. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EDGE_METRICS } from '../../edge/metrics.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import type { Metric, MetricTable } from '../../shared/metrics/metrics.ts';
import { createPrometheus } from '../../shared/metrics/prometheus.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';
import { readExposition, sumOf } from '../support/exposition.ts';
import { readQuery } from '../support/promql.ts';

const TABLES: Readonly<Record<string, MetricTable>> = {
  worker: WORKER_METRICS,
  edge: EDGE_METRICS,
};
const all = (): Metric[] => Object.values(TABLES).flatMap((table) => Object.values(table));

test('names: one prefix, base units, `_total` of what only grows, and each once', () => {
  const names = all().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, kind, help, labels } of all()) {
    assert.match(name, /^fourm_(worker|edge)_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), kind === 'counter', name);
    assert.doesNotMatch(name, /milliseconds|_ms|kilo|mega/);
    assert.match(help, /\.$/, `${name}: a sentence`);
    assert.ok(labels.length <= 3);
    for (const label of labels)
      assert.doesNotMatch(label, /tenant|user|request|id$|path|url/, name);
  }
});

test('what is counted is told; a gauge that cannot be read is left out, and said', async () => {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const metrics = createPrometheus(WORKER_METRICS, { log, ofProcess: false });
  const labels = { model: 'a', kind: 'write' };
  metrics.count('stepTokens', labels, 3);
  metrics.count('stepTokens', labels);
  metrics.observe('stepSeconds', labels, 0.02);
  let waiting = 4;
  metrics.read('requestsHere', () => [[{ state: 'waiting' }, waiting]]);
  metrics.read('queueMessages', () => [[{ queue: 'batch', state: 'visible' }, 7]]);
  metrics.read('queueMessages', async () => {
    throw new Error('the queue is away');
  });
  const first = readExposition(await metrics.text());
  assert.equal(sumOf(first, 'fourm_worker_step_tokens_total', labels), 4);
  assert.equal(sumOf(first, 'fourm_worker_step_seconds_bucket', { ...labels, le: '0.025' }), 1);
  assert.equal(sumOf(first, 'fourm_worker_step_seconds_bucket', { ...labels, le: '0.01' }), 0);
  assert.equal(sumOf(first, 'fourm_worker_requests_in_flight', { state: 'waiting' }), 4);
  assert.equal(sumOf(first, 'fourm_worker_queue_messages', { queue: 'batch' }), 7);
  assert.deepEqual(lines, ['fourm_worker_queue_messages cannot be read: the queue is away']);
  waiting = 0;
  const second = readExposition(await metrics.text());
  assert.equal(sumOf(second, 'fourm_worker_requests_in_flight'), 0);
  for (const { name, help } of Object.values(WORKER_METRICS))
    assert.equal(second.get(name)?.help, help.replaceAll('\\', '\\\\'));
});

test('the documentation lists every metric as it is', async () => {
  const text = await readFile(join(repositoryRoot, 'docs/operations.md'), 'utf8');
  const rows = all().map(({ name, kind, labels, help }) => {
    const names = labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${kind} | ${names} | ${help} |`;
  });
  const told = text.split('\n').filter((line) => line.startsWith('| `fourm_'));
  assert.deepEqual(told, rows);
});

test('queries are read: series, their labels, and what they are grouped by', () => {
  const text =
    'histogram_quantile(0.99, sum by (le, kind) (rate(a_seconds_bucket{x="1", y=~"b{c}|sum"}[5m]))) / on (kind) group_left max(b_total offset 1h) > bool 3';
  assert.deepEqual(readQuery(text), {
    series: [
      { name: 'a_seconds_bucket', labels: ['x', 'y'] },
      { name: 'b_total', labels: [] },
    ],
    groups: ['le', 'kind', 'kind'],
  });
  assert.deepEqual(readQuery('sum(rate(a{b="$c"}[$__rate_interval])) without (d)').groups, ['d']);
});
