/** Configuration of the edge: environment variables (Node) or bindings (Workers) -> Config, once. */
import * as z from 'zod';

const workers = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((url) => url.trim().replace(/\/+$/, ''))
      .filter((url) => url !== ''),
  )
  .pipe(z.array(z.url({ protocol: /^https?$/ })).min(1));

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
  S3_REGION: z.string().default('us-east-1'),
  S3_BUCKET: optional,
  S3_ACCESS_KEY_ID: optional,
  S3_SECRET_ACCESS_KEY: optional,
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
  FOURM_MODELS_TTL_SECONDS: z.coerce
    .number()
    .min(0)
    .default(5)
    .describe("How long a worker's answer about its models is believed"),
  FOURM_CORS_ORIGIN: z
    .string()
    .default('*')
    .describe('Origins that pages may call from: `*`, a list with commas, or `none`'),
});
export type Config = z.output<typeof configSchema>;

const SECRETS: readonly (keyof Config)[] = [
  'FOURM_WORKER_SECRET',
  'S3_SECRET_ACCESS_KEY',
  'S3_ACCESS_KEY_ID',
];

/** @throws Error naming every variable that does not fit, without its value */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  const parsed = configSchema.safeParse(env);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`configuration: ${wrong.join('; ')}`);
  }
  const config = parsed.data;
  if (config.FOURM_STORE === 's3') {
    const needed = ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const;
    const absent = needed.filter((name) => config[name] === undefined);
    if (absent.length > 0) {
      throw new Error(`configuration: FOURM_STORE=s3 needs ${absent.join(', ')}`);
    }
  }
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
