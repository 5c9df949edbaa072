/** Prometheus' text format, read: what is told of each metric, and its samples. */
import assert from 'node:assert/strict';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposed {
  readonly type: string;
  readonly help: string;
  /** By the name of the series: of a histogram also those of its buckets, sum and count. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Metrics by name. @throws Error for a line that is none of the format */
export function readExposition(text: string): Map<string, Exposed> {
  const metrics = new Map<string, { type: string; help: string; samples: Map<string, Sample[]> }>();
  const of = (name: string) => {
    const known = metrics.get(name) ?? { type: '', help: '', samples: new Map<string, Sample[]>() };
    metrics.set(name, known);
    return known;
  };
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, word = '', about = '', said = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (word === 'HELP') of(about).help = said;
    else if (word === 'TYPE') of(about).type = said;
    else {
      const [, series = '', labels = '', value] = SERIES.exec(line) ?? [];
      if (series === '') throw new Error(`no line of the format: ${line}`);
      const base = series.replace(/_(bucket|sum|count)$/, '');
      const name = metrics.get(base)?.type === 'histogram' ? base : series;
      const { samples } = of(name);
      const own = Object.fromEntries(
        [...labels.matchAll(LABEL)].map(([, key, text]) => [key, text]),
      );
      samples.set(series, [...(samples.get(series) ?? []), { labels: own, value: Number(value) }]);
    }
  }
  return metrics;
}

/** The sum of a series' samples with these labels; 0 where there are none. */
export function sumOf(
  metrics: ReadonlyMap<string, Exposed>,
  series: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const all = [...metrics.values()].flatMap(({ samples }) => samples.get(series) ?? []);
  return all
    .filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
    .reduce((sum, { value }) => sum + value, 0);
}

/** What a process tells at `/metrics`. */
export async function metricsOf(url: string): Promise<Map<string, Exposed>> {
  const response = await fetch(`${url}/metrics`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return readExposition(await response.text());
}
