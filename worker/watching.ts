/** What a worker tells of itself besides its log, as its settings say: metrics and traces. Neither is loaded in vain. */
import { hostname } from 'node:os';
import type { Exposition } from '../shared/metrics/prometheus.ts';
import type { Tracer } from '../shared/tracing/tracer.ts';
import type { WorkerConfig } from './config.ts';
import type { Log } from './log.ts';
import { WORKER_METRICS, type WorkerMetrics } from './metrics.ts';
import type { Registry } from './registry/registry.ts';
import type { Gate } from './service/gate.ts';

export interface Watching {
  readonly metrics?: WorkerMetrics;
  /** Absent where the worker's own port does not tell metrics. */
  readonly exposition?: Exposition;
  readonly tracer?: Tracer;
  /** Tells what is left to tell. */
  readonly close: () => Promise<void>;
}

/** Time for the last spans of a worker that ends. */
const FLUSH_MILLISECONDS = 2_000;

/** @throws Error when the address of metrics cannot be listened on */
export async function startWatching(
  { metrics: place, traces, port }: Pick<WorkerConfig, 'metrics' | 'traces' | 'port'>,
  log: Log,
): Promise<Watching> {
  const tracer = traces ? await openTracer(`${hostname()}:${port}`) : undefined;
  const flush = async (): Promise<void> => {
    const late = new Promise((resolve) => setTimeout(resolve, FLUSH_MILLISECONDS).unref());
    await Promise.race([tracer?.flush(), late]);
  };
  if (place.at === 'off') return { ...(tracer && { tracer }), close: flush };
  const { createPrometheus } = await import('../shared/metrics/prometheus.ts');
  const metrics = createPrometheus(WORKER_METRICS, {
    log: (message) => log({ event: 'metrics', level: 'warn', message }),
  });
  const told = { metrics, ...(tracer && { tracer }) };
  if (place.at === 'path') return { ...told, exposition: metrics, close: flush };
  const { serveMetrics } = await import('../shared/metrics/server.ts');
  const server = await serveMetrics(metrics, place);
  const message = `metrics are told at http://${place.host}:${server.port}/metrics`;
  log({ event: 'metrics', message, port: server.port });
  const close = async (): Promise<void> => void (await Promise.all([flush(), server.close()]));
  return { ...told, close };
}

async function openTracer(instance: string): Promise<Tracer> {
  const { createOpenTelemetry } = await import('../shared/tracing/openTelemetry.ts');
  return createOpenTelemetry('4m-worker', instance);
}

/** Says how gauges are read that tell how things stand now. */
export function readGauges(
  metrics: WorkerMetrics,
  { gate, registry, slots }: { gate: Gate; registry: Registry; slots: number },
): void {
  metrics.read('slots', () => [[{}, slots]]);
  metrics.read('queueTokens', () => [[{}, gate.tokens()]]);
  metrics.read('requestsHere', () => [
    [{ state: 'running' }, gate.running()],
    [{ state: 'waiting' }, gate.waiting()],
  ]);
  metrics.read('models', () => {
    const counts = { loaded: 0, loading: 0, available: 0 };
    for (const { state } of registry.status().models) counts[state]++;
    return Object.entries(counts).map(([state, count]) => [{ state }, count]);
  });
  metrics.read('modelBytes', () =>
    registry
      .status()
      .models.filter(({ state }) => state === 'loaded')
      .map(({ id, bytes }) => [{ model: id }, bytes]),
  );
}
