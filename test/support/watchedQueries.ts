/** Queries of the dashboard and of the alerts, and the labels of what they may read. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { EDGE_METRICS } from '../../edge/metrics.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import type { Metric } from '../../shared/metrics/metrics.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';
import type { Exposed } from './exposition.ts';
import { readQuery } from './promql.ts';

export interface WatchedQuery {
  /** The file, and the place in it. */
  readonly where: string;
  readonly text: string;
}

/** Every query, of panels, variables and rules. */
export async function readQueries(): Promise<WatchedQuery[]> {
  const read = (name: string) => readFile(join(repositoryRoot, 'infra/grafana', name), 'utf8');
  const found: WatchedQuery[] = [];
  const look = (value: unknown, where: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, one] of Object.entries(value)) {
      const place = `${where}/${key}`;
      const isQuery = (key === 'expr' || key === 'query') && typeof one === 'string';
      if (isQuery) found.push({ where: place, text: one });
      else look(one, place);
    }
  };
  look(JSON.parse(await read('dashboard.json')), 'dashboard');
  look(parse(await read('alerts.yaml')), 'alerts');
  // The kind of a data source is no query.
  return found.filter(({ text }) => text !== 'prometheus');
}

/** Labels of a metric, or of a histogram's series, by the tables; of Node's own, none. */
function labelsOf(base: string, name: string): readonly string[] {
  const all: Metric[] = [...Object.values(WORKER_METRICS), ...Object.values(EDGE_METRICS)];
  return all.find((metric) => metric.name === base || metric.name === name)?.labels ?? [];
}

/** Labels that Prometheus itself adds, and those of histograms. */
const GIVEN = ['job', 'instance', 'le'];

/** Every series of a query is told by somebody, and has the labels that the query uses. */
export function assertReadable(
  { where, text }: WatchedQuery,
  told: ReadonlyMap<string, Exposed>,
): void {
  const inside = /^label_values\((.*),\s*(\w+)\)$/.exec(text);
  const { series, groups } = readQuery(inside?.[1] ?? text);
  assert.ok(series.length > 0, `${where}: ${text} reads nothing`);
  const known = new Set(GIVEN);
  for (const { name, labels } of series) {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    const metric = told.get(name) ?? told.get(base);
    assert.ok(metric, `${where}: ${name} is told by nobody`);
    if (metric.type === 'histogram')
      assert.notEqual(name, base, `${where}: ${name} is a histogram`);
    const own = labelsOf(base, name);
    for (const label of own) known.add(label);
    for (const label of labels)
      assert.ok([...own, ...GIVEN].includes(label), `${where}: ${name} has no label ${label}`);
  }
  for (const label of [...groups, ...(inside?.[2] === undefined ? [] : [inside[2]])])
    assert.ok(known.has(label), `${where}: nothing there has a label ${label}`);
}
