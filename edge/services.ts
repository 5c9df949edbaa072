/** Config -> what the routes use, made once per process or isolate. */

import { tryGetContext } from 'hono/context-storage';
import { createHeadStore, type HeadStore } from '../shared/heads/headStore.ts';
import { createModelMemory } from '../shared/jobs/modelMemory.ts';
import { createKeyCache, type KeyCache } from '../shared/keys/keyCache.ts';
import { createKeyStore } from '../shared/keys/keyStore.ts';
import { createLimiter, type Limiter } from '../shared/limits/limiter.ts';
import { createConsoleLog } from '../shared/log/consoleLog.ts';
import type { Entry, WriteEntry } from '../shared/log/entry.ts';
import { present } from '../shared/lookup.ts';
import { type Chains, createChains } from '../shared/results/chains.ts';
import { createTokenStore, type TokenStore } from '../shared/results/keptTokens.ts';
import { RESULTS } from '../shared/results/results.ts';
import { scopeOf } from '../shared/results/scope.ts';
import { createUnwritten, type Unwritten } from '../shared/results/unwritten.ts';
import { createHotStore } from '../shared/store/hot.ts';
import { createMemoryStore } from '../shared/store/memory.ts';
import type { S3Settings } from '../shared/store/s3.ts';
import type { Store } from '../shared/store/store.ts';
import { NO_TRACER, type Tracer } from '../shared/tracing/tracer.ts';
import { createUploads, type Uploads } from '../shared/uploads/uploads.ts';
import { type Batches, createBatches } from './batches/batches.ts';
import { type Config, SECRETS } from './config.ts';
import { type Credit, createCredit } from './credit/credit.ts';
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts';
import type { Send } from './dispatch/http.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { type EdgeMetrics, UNWATCHED } from './metrics.ts';
import type { OpenPage } from './pages/pages.ts';
import { namesOf, type RequestNames } from './requestNames.ts';
import { createSignedAddresses, type SignedAddresses } from './uploads/addresses.ts';
import { createLinker, type Linker } from './uploads/links.ts';
import { createWebhooks, type Webhooks } from './webhooks/webhooks.ts';

export interface Kept {
  /** Where results, tokens and chains lie: of `shared/results/scope.ts`. */
  readonly scope: string;
  readonly tokens: TokenStore;
  readonly chains: Chains;
  readonly heads: HeadStore;
}

export interface Services {
  readonly keys: KeyCache;
  readonly limiter: Limiter;
  /** Undefined where nothing is charged. */
  readonly credit: Credit | undefined;
  readonly config: Config;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  /** What is kept of one tenant's. */
  readonly keptFor: (tenant: string) => Kept;
  readonly jobs: Jobs;
  readonly uploads: Uploads;
  readonly addresses: SignedAddresses;
  readonly linker: Linker;
  readonly batches: Batches;
  readonly webhooks: Webhooks;
  /** One line for the operator; never a secret, never a caller's data. It names the request that it belongs to. */
  readonly log: (line: string) => void;
  /** The same of what should not have happened. */
  readonly logError: (message: string, error: unknown) => void;
  /** The same of more than a sentence. */
  readonly write: WriteEntry;
  readonly metrics: EdgeMetrics;
  readonly tracer: Tracer;
  readonly openPage: OpenPage;
  readonly unwritten: Unwritten;
  /** Tells what a request has left to tell, before the platform ends its work. */
  readonly flush: () => Promise<void>;
}

export interface Platform {
  /** Opens a disk store, where there is a disk. */
  readonly openDisk?: (folder: string, log: (line: string) => void) => Store;
  /** Opens a store in S3; absent where a platform loads its SDK only when it is asked for. */
  readonly openS3?: (settings: S3Settings, log: (line: string) => void) => Store;
  /** Sends work to workers; `fetch` does where it is left out. */
  readonly send?: Send;
  /** Lines of the log; to the console when left out. */
  readonly write?: WriteEntry;
  /** Absent where nobody can look. */
  readonly metrics?: EdgeMetrics;
  /** Absent where no traces are told. */
  readonly tracer?: Tracer;
  /** Whether spans have to be told before a request's work ends. */
  readonly flushes?: boolean;
  /** Where its pages lie. */
  readonly openPage: OpenPage;
}

/** What workers do not say themselves of their models, since they have no store, is true for this long. */
const MODELS_REFRESH_MILLISECONDS = 24 * 3_600_000;
/** A result that another edge deletes, or the bucket's own rules, is answered here for this long at most. */
const HOT_SECONDS = 5;
/** Settings whose values never appear in a log, whatever is logged. */
export const secretsOf = (config: Config): (string | undefined)[] =>
  SECRETS.map((name) => config[name]?.toString());

function openStore(config: Config, platform: Platform, log: (line: string) => void): Store {
  switch (config.FOURM_STORE) {
    case 'memory':
      return createMemoryStore(log);
    case 'disk':
      if (!platform.openDisk) throw new Error('FOURM_STORE=disk needs Node: Workers have no disk');
      return platform.openDisk(config.FOURM_STORE_DIR, log);
    case 's3':
      if (!platform.openS3) throw new Error('FOURM_STORE=s3 needs a platform that opens S3');
      return platform.openS3(
        {
          endpoint: config.S3_ENDPOINT,
          region: config.S3_REGION,
          // parseConfig has checked that these are there.
          bucket: present(config.S3_BUCKET, 'S3_BUCKET'),
          accessKeyId: present(config.S3_ACCESS_KEY_ID, 'S3_ACCESS_KEY_ID'),
          secretAccessKey: present(config.S3_SECRET_ACCESS_KEY, 'S3_SECRET_ACCESS_KEY'),
        },
        log,
      );
  }
}

/** @throws Error when the configured store does not exist on this platform */
export function createServices(config: Config, platform: Platform): Services {
  const { metrics = UNWATCHED, tracer = NO_TRACER } = platform;
  const options = { service: 'edge', level: config.FOURM_LOG_LEVEL, secrets: secretsOf(config) };
  const write = platform.write ?? createConsoleLog(options);
  const tell = (entry: Entry): void => {
    const context = tryGetContext<{ Variables: RequestNames }>();
    write({ ...(context && namesOf(context.var)), ...entry });
  };
  // What goes wrong is told by lines; what goes well, by metrics and the line of each request.
  const log = (message: string): void => tell({ level: 'warn', message });
  const logError = (message: string, error: unknown): void =>
    tell({ event: 'error', message, error: error instanceof Error ? error.stack : String(error) });
  const store = createHotStore(openStore(config, platform, log), {
    prefix: RESULTS,
    bytes: config.FOURM_HOT_BYTES,
    seconds: HOT_SECONDS,
  });
  const addresses = createSignedAddresses(config);
  return {
    config,
    store,
    log,
    logError,
    write,
    metrics,
    tracer,
    flush: platform.flushes ? () => tracer.flush() : async () => {},
    dispatcher: createDispatcher({
      workers: config.FOURM_WORKERS,
      secret: config.FOURM_WORKER_SECRET,
      isQueued: config.FOURM_QUEUE === 'sqs',
      timeoutSeconds: config.FOURM_WORKER_TIMEOUT_SECONDS,
      ttlSeconds: config.FOURM_MODELS_TTL_SECONDS,
      memory: createModelMemory(store, { refreshMilliseconds: MODELS_REFRESH_MILLISECONDS }),
      log,
      metrics,
      tracer,
      send: platform.send,
    }),
    keys: createKeyCache(createKeyStore(store), config.FOURM_KEY_TTL_SECONDS, log),
    limiter: createLimiter(config.FOURM_EDGES),
    credit: createCredit(config, store, metrics, log),
    openPage: platform.openPage,
    unwritten: createUnwritten(),
    keptFor: (tenant) => {
      const scope = scopeOf(tenant, config.CACHE_SCOPE);
      return {
        scope,
        // Made when they are asked for: a stored result needs none of them.
        get tokens() {
          return createTokenStore(store, scope, log);
        },
        get chains() {
          return createChains(store, scope, log);
        },
        get heads() {
          return createHeadStore(store, tenant, log);
        },
      };
    },
    jobs: createJobs(store, config, log, metrics),
    uploads: createUploads(store),
    addresses,
    linker: createLinker({ addresses, config, store, log }),
    batches: createBatches(store, config, log),
    webhooks: createWebhooks(store, config, log),
  };
}
