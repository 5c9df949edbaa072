/** Settings of the object store, of models and of what edges share: the same names as the edge's, for the same store. */
import * as z from 'zod';
import { present } from '../shared/lookup.ts';
import { createDiskStore } from '../shared/store/disk.ts';
import type { Store } from '../shared/store/store.ts';
import type { Log } from './log.ts';

/** An empty variable counts as absent, as shells and .env files write it. */
export const optional = z.preprocess(
  (value) => (value === '' ? undefined : value),
  z.string().optional(),
);

export const storeFields = {
  /** Where models lie beside those of FOURM_MODELS_DIR: none, disk (FOURM_STORE_DIR) or s3 (S3_...). */
  FOURM_MODELS_STORE: z.enum(['none', 'disk', 's3']).default('none'),
  /** Where heads and jobs lie, as the edge has it; without one there are no jobs, and only the models' own heads. */
  FOURM_STORE: z.enum(['none', 'memory', 'disk', 's3']).default('none'),
  /** Folder of the disk store. */
  FOURM_STORE_DIR: z.string().default('.data/store'),
  /** Absent for AWS itself. */
  S3_ENDPOINT: optional,
  S3_REGION: z.string().default('us-east-1'),
  S3_BUCKET: optional,
  S3_ACCESS_KEY_ID: optional,
  S3_SECRET_ACCESS_KEY: optional,
};

const storeSchema = z.object(storeFields);

/** Opens the store when it is needed: the AWS SDK takes a while to load. */
export type OpenStore = (log: Log) => Promise<Store>;

/** The setting that asks for S3, for messages. */
export const s3Setting = (settings: Pick<z.output<typeof storeSchema>, 'FOURM_MODELS_STORE'>) =>
  settings.FOURM_MODELS_STORE === 's3' ? 'FOURM_MODELS_STORE=s3' : 'FOURM_STORE=s3';

/** Variables that the store needs and that are missing. */
export function absentOf(settings: z.output<typeof storeSchema>): string[] {
  if (settings.FOURM_MODELS_STORE !== 's3' && settings.FOURM_STORE !== 's3') return [];
  const { S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = settings;
  const needed = { S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY };
  return Object.entries(needed).flatMap(([name, value]) => (value ? [] : [name]));
}

/** @returns undefined where no store is asked for. @throws Error naming a variable that is missing */
export const modelStoreOf = (settings: z.output<typeof storeSchema>): OpenStore | undefined =>
  storeOf(settings.FOURM_MODELS_STORE, settings);

/** The store of heads and jobs; undefined where there is none that an edge could write to as well. */
export const sharedStoreOf = (settings: z.output<typeof storeSchema>): OpenStore | undefined =>
  settings.FOURM_STORE === 'memory' ? undefined : storeOf(settings.FOURM_STORE, settings);

function storeOf(
  kind: 'none' | 'disk' | 's3',
  settings: z.output<typeof storeSchema>,
): OpenStore | undefined {
  const say =
    (log: Log) =>
    (message: string): void =>
      log({ event: 'store', message });
  if (kind === 'none') return undefined;
  if (kind === 'disk') return async (log) => createDiskStore(settings.FOURM_STORE_DIR, say(log));
  const s3 = {
    endpoint: settings.S3_ENDPOINT,
    region: settings.S3_REGION,
    bucket: present(settings.S3_BUCKET, 'S3_BUCKET'),
    accessKeyId: present(settings.S3_ACCESS_KEY_ID, 'S3_ACCESS_KEY_ID'),
    secretAccessKey: present(settings.S3_SECRET_ACCESS_KEY, 'S3_SECRET_ACCESS_KEY'),
  };
  return async (log) => {
    const { createS3Store } = await import('../shared/store/s3.ts');
    return createS3Store(s3, say(log));
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws Error naming every variable that is missing or wrong */
function settingsOf(environment: Environment): z.output<typeof storeSchema> {
  const parsed = storeSchema.safeParse(environment);
  const wrong = parsed.success
    ? absentOf(parsed.data).map((name) => `${s3Setting(parsed.data)} needs ${name}`)
    : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (!parsed.success || wrong.length > 0) throw new Error(wrong.join('; '));
  return parsed.data;
}

/** The store of models that the environment names. @throws Error naming every variable that is missing or wrong */
export const parseStore = (environment: Environment): OpenStore | undefined =>
  modelStoreOf(settingsOf(environment));

/** The store that edges and workers share, as the environment names it. @throws as `parseStore` */
export const parseSharedStore = (environment: Environment): OpenStore | undefined =>
  sharedStoreOf(settingsOf(environment));
