/** Settings of what a worker tells of itself: its log, its metrics, its traces. */
import * as z from 'zod';
import { LEVELS, type LogOptions } from '../shared/log/entry.ts';
import { metricsPlace } from '../shared/metrics/setting.ts';
import { optional } from './storeConfig.ts';

export const watchingFields = {
  /** Lines of the log from this level on: debug, info, warn, error, or silent. */
  FOURM_LOG_LEVEL: z.enum(LEVELS).default('info'),
  /** Where `GET /metrics` answers: path (on the port of the internal API), off, or PORT or HOST:PORT of its own. */
  FOURM_METRICS: metricsPlace('path'),
  /** Where spans are sent by OTLP over HTTP; none are made when left out. Further OTEL_ settings are read with it. */
  OTEL_EXPORTER_OTLP_ENDPOINT: optional,
};

/** Variables whose values never appear in a log. */
const SECRETS = [
  ...['FOURM_WORKER_SECRET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'HF_TOKEN'],
  ...['SQS_ACCESS_KEY_ID', 'SQS_SECRET_ACCESS_KEY', 'FOURM_SECRETS_KEY', 'FOURM_USAGE_SINK_TOKEN'],
  ...['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'],
  ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
] as const;

/** Of the log, which begins before the configuration is known to be right. */
export function logOptions(environment: Readonly<Record<string, string | undefined>>): LogOptions {
  const level = watchingFields.FOURM_LOG_LEVEL.safeParse(environment.FOURM_LOG_LEVEL);
  return {
    service: 'worker',
    level: level.data ?? 'info',
    secrets: SECRETS.map((name) => environment[name]),
  };
}
