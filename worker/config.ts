/** The worker's configuration: environment variables, parsed once at the entry. */
import * as z from 'zod';
import type { Allow } from '../shared/guard/allowed.ts';
import { allowSetting } from '../shared/guard/setting.ts';
import type { MetricsPlace } from '../shared/metrics/setting.ts';
import { sealingKeySetting } from '../shared/webhooks/sealing.ts';
import { parseSize, SIZE_FORM } from './byteSize.ts';
import { absentForCollections, placeOf } from './collectionsConfig.ts';
import { creditFields } from './creditConfig.ts';
import { type HubModel, hubEnvironment, hubModels } from './hubConfig.ts';
import { type OpenQueues, queueFields, queueProblems, queuesOf } from './queueConfig.ts';
import type { CollectionsPlace } from './retrieval/place.ts';
import { DEVICE_FORM, type Device, parseDevice } from './session/devices.ts';
import {
  absentOf,
  modelStoreOf,
  type OpenStore,
  optional,
  s3Setting,
  sharedStoreOf,
  storeFields,
} from './storeConfig.ts';
import { watchingFields } from './watchingConfig.ts';

export { logOptions } from './watchingConfig.ts';

const whole = (fallback: number, minimum: number, maximum: number) =>
  z.coerce.number().int().min(minimum).max(maximum).default(fallback);

export const workerConfigSchema = z.object({
  /** Port of the internal API; 0 takes a free one. */
  FOURM_WORKER_PORT: whole(8788, 0, 65535),
  /** Address it listens on. */
  FOURM_WORKER_HOST: z.string().min(1).default('127.0.0.1'),
  /** Folder of exported model sets, each a sub-folder with a `set.json`. It may be left out with a store. */
  FOURM_MODELS_DIR: optional,
  ...storeFields,
  ...queueFields,
  /** Where collections are kept: a folder, or s3://BUCKET/PREFIX with the S3_ settings. None when left out. */
  FOURM_COLLECTIONS: optional,
  /** Models of the Hugging Face hub, with commas: `4m21-b`, `OWNER/NAME`, or such a name with `:int8` behind. */
  FOURM_MODELS_HUB: hubModels,
  /** Folder for models that come from the store or the hub. */
  FOURM_MODELS_CACHE: z.string().min(1).default('.data/model-cache'),
  /** Shared with the edge; signs every internal request. */
  FOURM_WORKER_SECRET: z.string().min(16, 'needs at least 16 characters'),
  /** CPU threads of a model; 0 leaves it to the runtime. */
  FOURM_THREADS: whole(0, 0, 1024),
  /** What graphs run on: cpu, cuda (the first card) or cuda:N. It is never replaced by another one. */
  FOURM_DEVICE: z
    .string()
    .default('cpu')
    .transform((text, context) => {
      const device = parseDevice(text);
      if (device) return device;
      context.addIssue({ code: 'custom', message: `has to be ${DEVICE_FORM}` });
      return z.NEVER;
    }),
  /** Which parts of models are loaded: all, or encoder, for a worker that answers features and classes alone. */
  FOURM_MODEL_PARTS: z.enum(['all', 'encoder']).default('all'),
  /** Memory of all models at most, such as 12GB; models take turns in it. No bound when left out. */
  FOURM_MEMORY_BUDGET: z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text === '') return undefined;
      const bytes = parseSize(text);
      if (bytes !== undefined && bytes > 0) return bytes;
      context.addIssue({ code: 'custom', message: `has to be ${SIZE_FORM}` });
      return z.NEVER;
    }),
  /** Seconds that a request waits for its model to be loaded; then it is answered 503. */
  FOURM_MODEL_WAIT_SECONDS: whole(120, 1, 3600),
  /** Seconds between two looks for models that are new, have changed or have gone; 0 for none. */
  FOURM_MODELS_POLL_SECONDS: whole(5, 0, 3600),
  /** Requests worked on at the same time. */
  FOURM_SLOTS: whole(32, 1, 1024),
  /** Jobs worked on at the same time, of each priority and within these; half of them when left out. */
  FOURM_JOB_SLOTS: z.coerce.number().int().min(1).max(1024).optional(),
  /** Address of an edge, which lines of batches are asked of: this worker runs no batches when left out. */
  FOURM_EDGE: z.preprocess(
    (value) => (value === '' ? undefined : value),
    z
      .url({ protocol: /^https?$/ })
      .transform((url) => url.replace(/\/+$/, ''))
      .optional(),
  ),
  /** Lines of batches that this worker asks for at the same time; as many as it has slots for jobs when left out. */
  FOURM_BATCH_PARALLEL: z.coerce.number().int().min(1).max(1024).optional(),
  /** Days that jobs and batches are kept, from when they were asked for; 0 for ever. A batch can take seven. */
  FOURM_KEEP_DAYS: z.coerce
    .number()
    .int()
    .max(36_500)
    .refine((days) => days === 0 || days >= 8, 'has to be 0, or 8 or more')
    .default(30),
  /** Tokens of the work that is taken on: that its passes read or predict. More is refused at once. */
  FOURM_QUEUE_TOKENS: whole(1_000_000, 1, 1_000_000_000),
  /** Where users' addresses may lead besides https to the public internet: http, loopback, or both with a comma. */
  FOURM_URLS_ALLOW: allowSetting,
  /** Encrypts webhook secrets in the store: 32 bytes in base64, the same as the edge has. */
  FOURM_SECRETS_KEY: sealingKeySetting,
  /** Whether who is charged is served models whose licence is not known to allow commercial use. */
  ACCEPT_NONCOMMERCIAL: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
  ...creditFields,
  /** Seconds a stopping worker gives its running requests. */
  FOURM_DRAIN_SECONDS: whole(10, 0, 3600),
  ...watchingFields,
});

export interface WorkerConfig {
  readonly port: number;
  readonly host: string;
  readonly modelsFolder: string | undefined;
  /** Where further models lie; undefined for nowhere. */
  readonly modelStore: OpenStore | undefined;
  /** Undefined where the worker keeps no collections. */
  readonly collections: CollectionsPlace | undefined;
  /** What edges write to as well, heads and jobs; undefined for nowhere. */
  readonly sharedStore: OpenStore | undefined;
  /** Where jobs and deliveries of webhooks wait. */
  readonly queues: OpenQueues;
  readonly sweepSeconds: number;
  /** Between two looks whether a job that runs was canceled, where edges do not tell this worker. */
  readonly lookMilliseconds: number;
  /** Days that jobs and batches are kept; 0 for ever. */
  readonly keepDays: number;
  readonly modelsHub: readonly HubModel[];
  /** What the process that pulls them is given: nothing of the worker's secrets. */
  readonly hubEnvironment: Readonly<Record<string, string>>;
  readonly modelCache: string;
  readonly secret: string;
  /** Undefined: the runtime's own choice. */
  readonly threads: number | undefined;
  readonly device: Device;
  readonly modelParts: 'all' | 'encoder';
  /** Bytes; undefined for no bound. */
  readonly memoryBudget: number | undefined;
  readonly modelWaitSeconds: number;
  readonly modelsPollSeconds: number;
  readonly slots: number;
  readonly jobSlots: number;
  /** Undefined where this worker runs no batches. */
  readonly edge: string | undefined;
  readonly batchParallel: number;
  readonly queueTokens: number;
  readonly drainSeconds: number;
  /** Where users' addresses may lead. */
  readonly urlsAllow: Allow;
  /** Whether the operator serves every model to whoever is charged, whatever its licence. */
  readonly acceptsEveryLicence: boolean;
  readonly metrics: MetricsPlace;
  /** Whether spans are told by OTLP. */
  readonly traces: boolean;
  readonly secretsKey: string | undefined;
  /** Where charges are told; undefined for nowhere. */
  readonly usageSink: { readonly url: string; readonly token: string | undefined } | undefined;
}

/**
 * Reads the configuration.
 * @throws Error naming every variable that is missing or wrong; values are not shown, one is a secret
 */
export function parseWorkerConfig(
  environment: Readonly<Record<string, string | undefined>>,
): WorkerConfig {
  const parsed = workerConfigSchema.safeParse(environment);
  const problems = parsed.success
    ? [
        ...absentOf(parsed.data).map((name) => `${name}: is needed with ${s3Setting(parsed.data)}`),
        ...absentForCollections(parsed.data),
        ...queueProblems(parsed.data),
      ]
    : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const { FOURM_MODELS_DIR: folder, FOURM_MODELS_STORE: store = 'none' } = environment;
  if (!folder && store === 'none' && !environment.FOURM_MODELS_HUB)
    problems.push('FOURM_MODELS_DIR: is needed without FOURM_MODELS_STORE and FOURM_MODELS_HUB');
  if (!parsed.success || problems.length > 0) {
    const lines = problems.map((problem) => `  ${problem}`);
    throw new Error(`the worker's configuration is not usable:\n${lines.join('\n')}`);
  }
  const { data } = parsed;
  const jobSlots = data.FOURM_JOB_SLOTS ?? Math.max(1, Math.floor(data.FOURM_SLOTS / 2));
  return {
    port: data.FOURM_WORKER_PORT,
    host: data.FOURM_WORKER_HOST,
    modelsFolder: data.FOURM_MODELS_DIR,
    modelStore: modelStoreOf(data),
    collections: placeOf(data),
    sharedStore: sharedStoreOf(data),
    queues: queuesOf(data),
    sweepSeconds: data.FOURM_SWEEP_SECONDS,
    lookMilliseconds: data.FOURM_CANCEL_LOOK_MILLISECONDS,
    keepDays: data.FOURM_KEEP_DAYS,
    modelsHub: data.FOURM_MODELS_HUB,
    hubEnvironment: hubEnvironment(environment),
    modelCache: data.FOURM_MODELS_CACHE,
    secret: data.FOURM_WORKER_SECRET,
    threads: data.FOURM_THREADS || undefined,
    device: data.FOURM_DEVICE,
    modelParts: data.FOURM_MODEL_PARTS,
    memoryBudget: data.FOURM_MEMORY_BUDGET,
    modelWaitSeconds: data.FOURM_MODEL_WAIT_SECONDS,
    modelsPollSeconds: data.FOURM_MODELS_POLL_SECONDS,
    slots: data.FOURM_SLOTS,
    jobSlots,
    edge: data.FOURM_EDGE,
    batchParallel: data.FOURM_BATCH_PARALLEL ?? jobSlots,
    queueTokens: data.FOURM_QUEUE_TOKENS,
    drainSeconds: data.FOURM_DRAIN_SECONDS,
    urlsAllow: data.FOURM_URLS_ALLOW,
    acceptsEveryLicence: data.ACCEPT_NONCOMMERCIAL,
    metrics: data.FOURM_METRICS,
    traces: data.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined,
    secretsKey: data.FOURM_SECRETS_KEY,
    usageSink:
      data.FOURM_USAGE_SINK === undefined
        ? undefined
        : { url: data.FOURM_USAGE_SINK, token: data.FOURM_USAGE_SINK_TOKEN },
  };
}
