/** Queries of the dashboard and of the alerts, and the labels of what they may read. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { EDGE_METRICS } from '../../edge/metrics.ts';
import { repositoryRoot } from '../../infra/paths.ts';
import type { Metric } from '../../shared/metrics/metrics.ts';
import { WORKER_METRICS } from '../../worker/metrics.ts';

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
export function labelsOf(base: string, name: string): readonly string[] {
  const all: Metric[] = [...Object.values(WORKER_METRICS), ...Object.values(EDGE_METRICS)];
  return all.find((metric) => metric.name === base || metric.name === name)?.labels ?? [];
}
