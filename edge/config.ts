/** Configuration of the edge: environment variables (Node) or bindings (Workers) -> Config, once. */
import * as z from 'zod';
import { allowSetting } from '../shared/guard/setting.ts';
import { LEVELS } from '../shared/log/entry.ts';
import { metricsPlace } from '../shared/metrics/setting.ts';
import { sealingKeySetting } from '../shared/webhooks/sealing.ts';

const workers = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((url) => url.trim().replace(/\/+$/, ''))
      .filter((url) => url !== ''),
  )
  .pipe(z.array(z.url({ protocol: /^https?$/ })));

/** An empty variable counts as absent, as shells and .env files write it. */
const optional = z.preprocess((value) => (value === '' ? undefined : value), z.string().optional());

export const configSchema = z.object({
  PORT: z.coerce.number().int().min(0).max(65535).default(8787).describe('Port of the Node entry'),
  HOST: z.string().default('127.0.0.1').describe('Address the Node entry listens on'),
  FOURM_WORKERS: workers.prefault('http://127.0.0.1:8788').describe('Worker URLs, comma-separated'),
  FOURM_WORKER_SECRET: optional.describe('Shared with the workers; signs internal requests'),
  FOURM_WORKER_TIMEOUT_SECONDS: z.coerce.number().positive().default(300),
  FOURM_STORE: z.enum(['memory', 'disk', 's3']).default('memory').describe('Where results live'),
  FOURM_STORE_DIR: z.string().default('.data/store').describe('Folder of the disk store'),
  S3_ENDPOINT: optional.describe('Absent for AWS itself'),
  S3_PUBLIC_ENDPOINT: optional.describe(
    'The same server as callers reach it, for signed addresses; S3_ENDPOINT when absent',
  ),
  S3_REGION: z.string().default('us-east-1'),
  S3_BUCKET: optional,
  S3_ACCESS_KEY_ID: optional,
  S3_SECRET_ACCESS_KEY: optional,
  FOURM_QUEUE: z
    .enum(['process', 'sqs'])
    .default('process')
    .describe('Where jobs wait: workers are told of them, or fetch them from SQS'),
  SQS_ENDPOINT: optional.describe('Absent for AWS itself'),
  SQS_REGION: z.string().default('us-east-1'),
  SQS_ACCESS_KEY_ID: optional,
  SQS_SECRET_ACCESS_KEY: optional,
  SQS_QUEUE_URL_INTERACTIVE: optional.describe('Jobs that somebody waits for (`Prefer: wait=N`)'),
  SQS_QUEUE_URL_BATCH: optional.describe('Jobs that nobody waits for'),
  SQS_QUEUE_URL_WEBHOOKS: optional.describe(
    'Deliveries of webhooks; workers are told of those that this edge asks for when absent',
  ),
  FOURM_AUTH: z
    .enum(['keys', 'off', 'open'])
    .default('off')
    .describe('Who may ask: holders of keys; everybody on this machine; everybody'),
  FOURM_KEY_TTL_SECONDS: z.coerce
    .number()
    .min(0)
    .max(50)
    .default(10)
    .describe(
      'How long what was read of a key is believed; a revoked one works no longer than this',
    ),
  FOURM_PRICES: optional.describe(
    'Prices of units: JSON, or on Node the path of a file; nothing is charged without it',
  ),
  FOURM_EDGES: z.coerce
    .number()
    .int()
    .min(1)
    .default(1)
    .describe('How many edges share the limits of keys: each allows its part of them'),
  ACCEPT_NONCOMMERCIAL: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      'Whether keys that are charged are served models whose licence is not known to allow commercial use',
    ),
  CACHE_SCOPE: z
    .enum(['tenant', 'shared'])
    .default('tenant')
    .describe('Who is answered from results, kept tokens and chains: their own tenant, or all'),
  FOURM_MAX_BODY_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(20_000_000)
    .describe('Bytes of one request body at most'),
  FOURM_BODIES_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(100_000_000)
    .describe('Bytes of all bodies under way at most; beyond, requests are answered 503'),
  FOURM_BODY_SECONDS: z.coerce
    .number()
    .positive()
    .default(120)
    .describe('Time of a body; one that still has not come, or brings too little, is answered 408'),
  FOURM_HOT_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(32_000_000)
    .describe(
      'Memory for what is asked again and again: requests, and results for five seconds; 0 is none',
    ),
  FOURM_PUBLIC_URL: optional.describe(
    'Address of this edge as callers see it; that of each request when absent',
  ),
  FOURM_MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(200_000_000)
    .describe('Bytes of one upload at most'),
  FOURM_LINK_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(3600)
    .describe('How long the addresses hold that uploads are sent to and outputs are fetched from'),
  FOURM_INLINE_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .default(1_000_000)
    .describe('Bytes of one file of an output beyond which it is answered as a link'),
  FOURM_MODELS_TTL_SECONDS: z.coerce
    .number()
    .min(0)
    .default(5)
    .describe("How long a worker's answer about its models is believed"),
  FOURM_URLS_ALLOW: allowSetting.describe(
    "Where users' addresses may lead besides https to the public internet: `http`, `loopback`, or both",
  ),
  FOURM_SECRETS_KEY: sealingKeySetting.describe(
    'Encrypts webhook secrets in the store: 32 bytes in base64, the same as the workers have',
  ),
  FOURM_CORS_ORIGIN: optional.describe(
    'Origins that pages may call from: `*`, a list with commas, or `none`; when absent all, and with ' +
      'FOURM_AUTH=off those of this machine',
  ),
  FOURM_LOG_LEVEL: z.enum(LEVELS).default('info').describe('Lines of the log from this level on'),
  FOURM_METRICS: metricsPlace('off').describe(
    'Where the Node entry answers `GET /metrics`: off, path (on PORT), or PORT or HOST:PORT of its own',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional.describe('Where spans are sent by OTLP; none without it'),
  OTEL_EXPORTER_OTLP_HEADERS: optional.describe('Headers of these, as `name=value` with commas'),
});
export type Config = z.output<typeof configSchema>;

export const SECRETS: readonly (keyof Config)[] = [
  'FOURM_WORKER_SECRET',
  'FOURM_SECRETS_KEY',
  'S3_SECRET_ACCESS_KEY',
  'S3_ACCESS_KEY_ID',
  'SQS_ACCESS_KEY_ID',
  'SQS_SECRET_ACCESS_KEY',
  'OTEL_EXPORTER_OTLP_HEADERS',
];

/** What a setting needs beside itself. */
const NEEDS = {
  'FOURM_STORE=s3': ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'],
  'FOURM_QUEUE=sqs': [
    'SQS_ACCESS_KEY_ID',
    'SQS_SECRET_ACCESS_KEY',
    'SQS_QUEUE_URL_INTERACTIVE',
    'SQS_QUEUE_URL_BATCH',
  ],
} as const;

/** What does not fit together in a configuration each part of which does, as messages. */
function conflicts(config: Config): string[] {
  const absent = Object.entries(NEEDS).flatMap(([setting, needed]) => {
    const [name, value] = setting.split('=');
    if (config[name as 'FOURM_STORE' | 'FOURM_QUEUE'] !== value) return [];
    const missing = needed.filter((wanted) => config[wanted] === undefined);
    return missing.length > 0 ? [`${setting} needs ${missing.join(', ')}`] : [];
  });
  const isQueued = config.FOURM_QUEUE === 'sqs';
  return [
    ...absent,
    ...(isQueued && config.FOURM_STORE === 'memory'
      ? ['FOURM_QUEUE=sqs needs FOURM_STORE=disk or s3, where the jobs lie that are queued']
      : []),
    ...(config.FOURM_WORKERS.length === 0 && !isQueued
      ? ['FOURM_WORKERS: names no worker, which is possible with FOURM_QUEUE=sqs alone']
      : []),
  ];
}

/** @throws Error naming every variable that does not fit, without its value */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const parsed = configSchema.safeParse(env);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`configuration: ${wrong.join('; ')}`);
  }
  const config = parsed.data;
  const wrong = conflicts(config);
  if (wrong.length > 0) throw new Error(`configuration: ${wrong.join('; ')}`);
  return config;
}

/** The configuration as it may be printed. */
export const redacted = (config: Config): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      SECRETS.some((secret) => secret === name) && value !== undefined ? '[redacted]' : value,
    ]),
  );
