/**
 * What a process counts of its own work, for whoever watches it. The metrics of a process are a table of data; rooms
 * that count are handed `Metrics` of that table, and know nothing of how it is told.
 */

interface Described<L extends string> {
  /** As Prometheus names it: what is measured, in base units, `_total` behind what only grows. */
  readonly name: string;
  /** What is counted, exactly. */
  readonly help: string;
  /** Names of labels, each of few values: never what a caller has written. */
  readonly labels: readonly L[];
}

export interface CounterMetric<L extends string = string> extends Described<L> {
  readonly kind: 'counter';
}
export interface GaugeMetric<L extends string = string> extends Described<L> {
  readonly kind: 'gauge';
}
export interface HistogramMetric<L extends string = string> extends Described<L> {
  readonly kind: 'histogram';
  /** Upper bounds of the buckets. */
  readonly buckets: readonly number[];
}
export type Metric = CounterMetric | GaugeMetric | HistogramMetric;

export type MetricTable = Readonly<Record<string, Metric>>;

/** Names of a table's metrics of one kind. */
type NamesOf<T extends MetricTable, Kind extends Metric['kind']> = {
  [K in keyof T]: T[K] extends { readonly kind: Kind } ? K : never;
}[keyof T];

/** A value for each label of a metric. */
export type LabelsOf<T extends MetricTable, K extends keyof T> = Readonly<
  Record<T[K]['labels'][number], string>
>;

/** A gauge's value under some labels. */
export type Reading<T extends MetricTable, K extends keyof T> = readonly [LabelsOf<T, K>, number];

export interface Metrics<T extends MetricTable> {
  /** Adds to a counter; one where no number is given. */
  count<K extends NamesOf<T, 'counter'>>(name: K, labels: LabelsOf<T, K>, by?: number): void;
  /** One more value of a histogram. */
  observe<K extends NamesOf<T, 'histogram'>>(name: K, labels: LabelsOf<T, K>, value: number): void;
  /**
   * Says how a gauge is read, which is done whenever somebody looks. What it reads is all that the gauge tells, so
   * that a gauge of several rooms has several readers.
   */
  read<K extends NamesOf<T, 'gauge'>>(
    name: K,
    reader: () => readonly Reading<T, K>[] | Promise<readonly Reading<T, K>[]>,
  ): void;
}

/** For whoever is not watched: nothing is counted. */
export const noMetrics = <T extends MetricTable>(): Metrics<T> => ({
  count: () => {},
  observe: () => {},
  read: () => {},
});

/** Seconds of what may take milliseconds or minutes. */
export const SECONDS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 120, 300],
] as const;

/** Seconds of what may take days. */
export const LONG_SECONDS = [
  ...[0.1, 0.5, 1, 5, 10, 30, 60, 300, 900],
  ...[3600, 4 * 3600, 24 * 3600],
] as const;

/** How many took part. */
export const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;
