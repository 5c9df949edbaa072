/** What an edge on Node tells of itself, as its settings say: log, metrics, traces. Neither is loaded in vain. */
import { hostname } from 'node:os';
import type { LogOptions } from '../shared/log/entry.ts';
import { createPinoLog, gatheredStandardError } from '../shared/log/pinoLog.ts';
import type { Exposition } from '../shared/metrics/prometheus.ts';
import { METRICS_PATH } from '../shared/metrics/setting.ts';
import type { Config } from './config.ts';
import { EDGE_METRICS } from './metrics.ts';
import { type Platform, secretsOf } from './services.ts';

type Fetch = (request: Request, env?: object) => Response | Promise<Response>;

export interface Watching {
  readonly platform: Pick<Platform, 'write' | 'metrics' | 'tracer'>;
  /** The app, with metrics beside it where they are told on the same port. */
  readonly beside: (app: Fetch) => Fetch;
  /** Tells what is left to tell. */
  readonly close: () => Promise<void>;
}

/** Time for the last spans of an edge that ends. */
const FLUSH_MS = 2_000;

export const logOptions = (config: Config): LogOptions => ({
  service: 'edge',
  level: config.FOURM_LOG_LEVEL,
  secrets: secretsOf(config),
});

/** @throws Error when the address of metrics cannot be listened on */
export async function startWatching(config: Config): Promise<Watching> {
  const write = createPinoLog(logOptions(config), gatheredStandardError());
  const { FOURM_METRICS: place, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config;
  const tracer =
    endpoint === undefined
      ? undefined
      : (await import('../shared/tracing/openTelemetry.ts')).createOpenTelemetry(
          '4m-edge',
          `${hostname()}:${config.PORT}`,
        );
  const platform = { write, ...(tracer && { tracer }) };
  const flush = async (): Promise<void> => {
    const late = new Promise((resolve) => setTimeout(resolve, FLUSH_MS).unref());
    await Promise.race([tracer?.flush(), late]);
  };
  if (place.at === 'off') return { platform, beside: (app) => app, close: flush };
  const { createPrometheus } = await import('../shared/metrics/prometheus.ts');
  const metrics = createPrometheus(EDGE_METRICS, {
    log: (message) => write({ event: 'metrics', level: 'warn', message }),
  });
  if (place.at === 'path')
    return { platform: { ...platform, metrics }, beside: withMetrics(metrics), close: flush };
  const { serveMetrics } = await import('../shared/metrics/server.ts');
  const server = await serveMetrics(metrics, place);
  const message = `metrics are told at http://${place.host}:${server.port}${METRICS_PATH}`;
  write({ event: 'metrics', message, port: server.port });
  const close = async (): Promise<void> => void (await Promise.all([flush(), server.close()]));
  return { platform: { ...platform, metrics }, beside: (app) => app, close };
}

/** Metrics are no part of the API: they stand beside its routes. */
const withMetrics =
  ({ text, contentType }: Exposition) =>
  (app: Fetch): Fetch =>
  (request, env) => {
    const isTheirs = request.method === 'GET' && new URL(request.url).pathname === METRICS_PATH;
    if (!isTheirs) return app(request, env);
    return text().then((body) => new Response(body, { headers: { 'content-type': contentType } }));
  };
