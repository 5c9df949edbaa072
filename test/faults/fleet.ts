/** A whole fleet on this machine: edges, workers, an SQS server, and a store that can be told to fail. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { creditCommand } from '../../infra/keys/credit.ts';
import { freePort } from '../../infra/ports.ts';
import { createAccountStore } from '../../shared/credit/accountStore.ts';
import { createKeyStore } from '../../shared/keys/keyStore.ts';
import { createDiskStore } from '../../shared/store/disk.ts';
import { createS3Store, type S3Settings } from '../../shared/store/s3.ts';
import type { Store } from '../../shared/store/store.ts';
import { type FleetProcess, startProcess } from './processes.ts';
import { type QueueServer, startQueueServer } from './queueServer.ts';
import { type StoreProxy, startStoreProxy } from './storeProxy.ts';

export interface FleetOptions {
  readonly modelsFolder: string;
  /** For what the fleet writes. */
  readonly folder: string;
  /** A bucket of its own; a disk store, which does not fail, when absent. */
  readonly s3: S3Settings | undefined;
}

export interface Fleet {
  /** Addresses of the edges. */
  readonly edges: readonly string[];
  readonly processes: readonly FleetProcess[];
  /** Names of the workers in documents, by their place in `processes`. */
  readonly workerNames: ReadonlyMap<number, string>;
  /** What the clocks of workers are ahead, in milliseconds, by their names in documents. */
  readonly skews: ReadonlyMap<string, number>;
  readonly queue: QueueServer;
  readonly storeProxy: StoreProxy | undefined;
  /** Of the one tenant, which has credit enough. */
  readonly key: string;
  /** The store itself, which no fault is between. */
  readonly store: Store;
  readonly stop: () => Promise<void>;
}

const SECRET = 'a secret for this fleet alone';
export const TENANT = 'default';
const PRICES = { currency: 'EUR', per_unit: 1, cached_share: 0.1 };
const MINUTE = 60_000;
/** One of the two of each kind has a clock that is a minute wrong. */
const WORKER_SKEWS = [0, MINUTE];
const EDGE_SKEWS = [0, -MINUTE];

export async function startFleet({ modelsFolder, folder, s3 }: FleetOptions): Promise<Fleet> {
  const queue = await startQueueServer();
  const storeProxy = s3?.endpoint === undefined ? undefined : await startStoreProxy(s3.endpoint);
  const storeFolder = join(folder, 'store');
  const storeEnv: Record<string, string> = s3
    ? {
        FOURM_STORE: 's3',
        S3_ENDPOINT: storeProxy?.url ?? '',
        S3_REGION: s3.region,
        S3_BUCKET: s3.bucket,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      }
    : { FOURM_STORE: 'disk', FOURM_STORE_DIR: storeFolder };
  const store = s3 ? createS3Store(s3) : createDiskStore(storeFolder);

  const now = Date.now();
  const { secret: key } = await createKeyStore(store).create({
    ...{ tenant: TENANT, name: 'faults', scopes: ['*'], limits: {}, created: now },
  });
  const credit = { store, accounts: createAccountStore(store) };
  await creditCommand(credit, TENANT, { text: '+1000000' }, now);

  const workerPorts = [await freePort(), await freePort()];
  const edgePorts = [await freePort(), await freePort()];
  const edges = edgePorts.map((port) => `http://127.0.0.1:${port}`);
  const workerUrls = workerPorts.map((port) => `http://127.0.0.1:${port}`);
  const common = {
    ...storeEnv,
    ...queue.env,
    FOURM_WORKER_SECRET: SECRET,
    FOURM_URLS_ALLOW: 'http,loopback',
  };
  const workers = workerPorts.map((port, index) => ({
    name: `worker ${index}`,
    script: 'worker/main.js',
    readyUrl: `http://127.0.0.1:${port}/v2/health/ready`,
    skewMilliseconds: WORKER_SKEWS[index] ?? 0,
    env: {
      ...common,
      FOURM_WORKER_PORT: String(port),
      FOURM_MODELS_DIR: modelsFolder,
      FOURM_THREADS: '1',
      FOURM_SLOTS: '2',
      FOURM_QUEUE_VISIBILITY_SECONDS: '5',
      FOURM_SWEEP_SECONDS: '10',
      FOURM_EDGE: edges[index] ?? '',
    },
  }));
  const edgePlans = edgePorts.map((port, index) => ({
    name: `edge ${index}`,
    script: 'edge/node.js',
    readyUrl: `http://127.0.0.1:${port}/readyz`,
    skewMilliseconds: EDGE_SKEWS[index] ?? 0,
    env: {
      ...common,
      PORT: String(port),
      FOURM_WORKERS: workerUrls.join(','),
      FOURM_AUTH: 'keys',
      FOURM_PRICES: JSON.stringify(PRICES),
    },
  }));
  const processes = [...workers, ...edgePlans].map(startProcess);
  const nameOf = (port: number): string => `${hostname()}:${port}`;
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.stop()));
    await storeProxy?.close();
    await queue.stop();
  };
  try {
    await Promise.all(processes.map((process) => process.ready()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    edges,
    processes,
    workerNames: new Map(workerPorts.map((port, index) => [index, nameOf(port)])),
    skews: new Map(workerPorts.map((port, index) => [nameOf(port), WORKER_SKEWS[index] ?? 0])),
    queue,
    storeProxy,
    key,
    store,
    stop,
  };
}
