/** A table of metrics as Prometheus reads it: the text of its exposition format, with what Node says of the process. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { fieldOf } from '../lookup.ts';
import type { Metric, Metrics, MetricTable } from './metrics.ts';

export interface Exposition {
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** A gauge's readers, each with all the values that it knows. */
type Readers = (() => Readings | Promise<Readings>)[];
type Readings = readonly (readonly [Readonly<Record<string, string>>, number])[];

/**
 * @param log told of a gauge that cannot be read; it has no value then
 * @param ofProcess whether Node's own metrics are told as well: memory, processor, event loop, garbage collection
 */
export function createPrometheus<T extends MetricTable>(
  table: T,
  { log, ofProcess = true }: { log: (line: string) => void; ofProcess?: boolean },
): Metrics<T> & Exposition {
  const registry = new Registry();
  const counters: Record<string, Counter> = {};
  const histograms: Record<string, Histogram> = {};
  const readers: Record<string, Readers> = {};
  if (ofProcess) collectDefaultMetrics({ register: registry });

  function readGauge({ name, help, labels }: Metric, own: Readers): void {
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      async collect() {
        this.reset();
        const read = await Promise.all(
          own.map(async (reader) => {
            try {
              return await reader();
            } catch (error) {
              log(`${name} cannot be read: ${error instanceof Error ? error.message : error}`);
              return [];
            }
          }),
        );
        for (const [values, value] of read.flat()) this.set(values, value);
      },
    });
  }

  for (const [key, metric] of Object.entries(table)) {
    const { name, help, labels } = metric;
    const described = { name, help, labelNames: [...labels], registers: [registry] };
    switch (metric.kind) {
      case 'counter':
        counters[key] = new Counter(described);
        break;
      case 'histogram':
        histograms[key] = new Histogram({ ...described, buckets: [...metric.buckets] });
        break;
      case 'gauge': {
        const own: Readers = [];
        readers[key] = own;
        readGauge(metric, own);
        break;
      }
    }
  }

  return {
    count: (key, labels, by = 1) => fieldOf(counters, String(key), 'counters').inc(labels, by),
    observe: (key, labels, value) =>
      fieldOf(histograms, String(key), 'histograms').observe(labels, value),
    read: (key, reader) => void fieldOf(readers, String(key), 'gauges').push(reader),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
