/** Config -> what the routes use, made once per process or isolate. */

import { createHeadStore, type HeadStore } from '../shared/heads/headStore.ts';
import { createModelMemory } from '../shared/jobs/modelMemory.ts';
import { present } from '../shared/lookup.ts';
import { type Chains, createChains } from '../shared/results/chains.ts';
import { createTokenStore, type TokenStore } from '../shared/results/keptTokens.ts';
import { createMemoryStore } from '../shared/store/memory.ts';
import { createS3Store } from '../shared/store/s3.ts';
import type { Store } from '../shared/store/store.ts';
import { createUploads, type Uploads } from '../shared/uploads/uploads.ts';
import type { Config } from './config.ts';
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { TENANT } from './tenant.ts';
import { createSignedAddresses, type SignedAddresses } from './uploads/addresses.ts';
import { createLinker, type Linker } from './uploads/links.ts';

export interface Services {
  readonly config: Config;
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  readonly tokens: TokenStore;
  readonly chains: Chains;
  readonly heads: HeadStore;
  readonly jobs: Jobs;
  readonly uploads: Uploads;
  readonly addresses: SignedAddresses;
  readonly linker: Linker;
  /** One line for the operator; never a secret, never a caller's data. */
  readonly log: (line: string) => void;
}

export interface Platform {
  /** Opens a disk store, where there is a disk. */
  readonly openDisk?: (folder: string, log: (line: string) => void) => Store;
  readonly log?: (line: string) => void;
}

/** What workers do not say themselves of their models, since they have no store, is true for this long. */
const MODELS_REFRESH_MILLISECONDS = 24 * 3_600_000;

function openStore(config: Config, platform: Platform, log: (line: string) => void): Store {
  switch (config.FOURM_STORE) {
    case 'memory':
      return createMemoryStore(log);
    case 'disk':
      if (!platform.openDisk) throw new Error('FOURM_STORE=disk needs Node: Workers have no disk');
      return platform.openDisk(config.FOURM_STORE_DIR, log);
    case 's3':
      return createS3Store(
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
export function createServices(config: Config, platform: Platform = {}): Services {
  const log = platform.log ?? ((line: string) => console.error(line));
  const store = openStore(config, platform, log);
  const addresses = createSignedAddresses(config);
  return {
    config,
    store,
    log,
    dispatcher: createDispatcher({
      workers: config.FOURM_WORKERS,
      secret: config.FOURM_WORKER_SECRET,
      isQueued: config.FOURM_QUEUE === 'sqs',
      timeoutSeconds: config.FOURM_WORKER_TIMEOUT_SECONDS,
      ttlSeconds: config.FOURM_MODELS_TTL_SECONDS,
      memory: createModelMemory(store, { refreshMilliseconds: MODELS_REFRESH_MILLISECONDS }),
      log,
    }),
    tokens: createTokenStore(store, log),
    chains: createChains(store, log),
    heads: createHeadStore(store, TENANT, log),
    jobs: createJobs(store, config, log),
    uploads: createUploads(store),
    addresses,
    linker: createLinker({ addresses, config, store, log }),
  };
}
