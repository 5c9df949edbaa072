/** Where the design saturates first: what a fleet asks of each thing that it shares, against that thing's own bound. */
import { LOOK_MILLISECONDS } from '../../../worker/queueConfig.ts';
import type { JobOperations } from './operations.ts';

/** A fleet in its settled state. */
export interface Load {
  /** Jobs a second, all of one tenant: the worst case, since keys begin with the tenant. */
  readonly rate: number;
  readonly workers: number;
  /** Jobs that have not ended. */
  readonly open: number;
  /** Seconds that a job runs. */
  readonly seconds: number;
}

export interface Resource {
  readonly name: string;
  readonly path: 'jobs' | 'direct';
  readonly bound: number;
  readonly unit: string;
  readonly source: string;
  readonly demand: (load: Load) => number;
  readonly cure: string;
}

const S3 = 'AWS: at least 3,500 writes and 5,500 reads a second for each partitioned prefix';
const WRITES = 3500;
const READS = 5500;
const HEARTBEAT_SECONDS = 5;
const LOOK_SECONDS = LOOK_MILLISECONDS / 1000;
const TURN_SECONDS = 42;
/** Of a page of a list. Assumed. */
const PAGE_SECONDS = 0.1;
/** Names on a page of a list. */
const PAGE = 1000;
/** Characters of a worker's address, with its comma. */
const ADDRESS = 'https://fourm-worker-1000.example.com,'.length;

/** Prefixes that hold all of a tenant's jobs of a moment: ids begin with the time, so that they lie side by side. */
const NARROW = ['jobs', 'job-inputs', 'job-leases'] as const;

const count = (operations: JobOperations, part: keyof JobOperations, prefix: string) =>
  operations[part].get(prefix) ?? { reads: 0, writes: 0 };

/** Requests a second on a prefix. */
const asked =
  (operations: JobOperations, prefix: string, what: 'reads' | 'writes') =>
  ({ rate, seconds }: Load): number =>
    rate * count(operations, 'job', prefix)[what] +
    rate * Math.floor(seconds / HEARTBEAT_SECONDS) * count(operations, 'heartbeat', prefix)[what] +
    rate * Math.floor(seconds / LOOK_SECONDS) * count(operations, 'look', prefix)[what];

/** @param edgeSeconds processor time of a request on an edge; left out, that of edges is not looked at */
export function resourcesOf(operations: JobOperations, edgeSeconds = 0): Resource[] {
  const narrow = NARROW.flatMap((prefix): Resource[] => [
    {
      name: `writes under ${prefix}/<tenant>/`,
      path: 'jobs',
      bound: WRITES,
      unit: 'requests/s',
      source: S3,
      demand: asked(operations, prefix, 'writes'),
      cure: `a hash of the job's id before it (${prefix}/<tenant>/<two digits>/<id>): 256 prefixes in place of one; lists of jobs then merge 256 pages`,
    },
    {
      name: `reads under ${prefix}/<tenant>/`,
      path: 'jobs',
      bound: READS,
      unit: 'requests/s',
      source: S3,
      demand: asked(operations, prefix, 'reads'),
      cure: 'the same hash; and writes that are not read back where the store is S3, which is consistent',
    },
  ]);
  return [
    ...narrow,
    {
      name: 'the look for lost jobs, which one worker does at a time',
      path: 'jobs',
      bound: TURN_SECONDS,
      unit: 's',
      source: 'the next worker looks after this time (worker/consumer/open.ts)',
      demand: ({ open }) => Math.ceil(open / PAGE) * PAGE_SECONDS,
      cure: 'none needed: several look at once, which costs lists and nothing else',
    },
    {
      name: 'writes under results/<two digits>/',
      path: 'jobs',
      bound: 256 * WRITES,
      unit: 'requests/s',
      source: `${S3}; keys begin with a hash`,
      demand: asked(operations, 'results', 'writes'),
      cure: 'none needed: more digits of the hash',
    },
    {
      name: 'messages at work in one queue',
      path: 'jobs',
      bound: 120_000,
      unit: 'messages',
      source: 'AWS: about 120,000 messages in flight in a standard queue',
      demand: ({ rate, seconds }) => rate * seconds,
      cure: 'several queues by a hash of the job, or fewer FOURM_JOB_SLOTS, whose messages wait in a worker',
    },
    {
      name: 'the processor of one edge on Node',
      path: 'direct',
      bound: 1,
      unit: 'processors',
      source: 'measured in this run, with a picture in each request',
      demand: ({ rate }) => rate * edgeSeconds,
      cure: 'more edges, which share nothing; on Cloudflare they come by themselves',
    },
    {
      name: "workers in one edge's FOURM_WORKERS on Cloudflare",
      path: 'direct',
      bound: 5120,
      unit: 'bytes',
      source: 'Cloudflare: 5 KB for an environment variable',
      demand: ({ workers }) => workers * ADDRESS,
      cure: 'one address for many workers (a service that balances by open requests), or jobs, which need no address',
    },
    {
      name: 'workers that one edge on Cloudflare asks for their models, every 5 s',
      path: 'direct',
      bound: 1000,
      unit: 'subrequests',
      source:
        'Cloudflare: 1,000 subrequests a request on older plans (10,000 on newer ones), six at once',
      demand: ({ workers }) => workers,
      cure: 'the same',
    },
    {
      name: "workers in one edge's FOURM_WORKERS on Linux",
      path: 'direct',
      bound: 131_072,
      unit: 'bytes',
      source: 'Linux: MAX_ARG_STRLEN, 128 KiB for a variable',
      demand: ({ workers }) => workers * ADDRESS,
      cure: 'the same',
    },
    {
      name: 'machines of one Kubernetes cluster, with eight cards each',
      path: 'jobs',
      bound: 5000,
      unit: 'machines',
      source: 'Kubernetes: 5,000 machines and 150,000 pods a cluster',
      demand: ({ workers }) => workers / 8,
      cure: 'more clusters on the same queues: workers need nothing of each other',
    },
  ];
}

export interface Saturation {
  readonly resource: Resource;
  /** Where demand meets the bound; infinite beyond the largest fleet that was looked at. */
  readonly workers: number;
  readonly rate: number;
}

/** Beyond this many workers nothing is looked at. */
const MOST_WORKERS = 1e6;

/**
 * @param loadOf the settled state of a fleet, by its workers; demands grow with it
 * @returns what saturates first, first
 */
export function saturations(
  resources: readonly Resource[],
  loadOf: (workers: number) => Load,
): Saturation[] {
  return resources
    .map((resource) => {
      let [low, high] = [0, MOST_WORKERS];
      if (resource.demand(loadOf(high)) <= resource.bound) low = Number.POSITIVE_INFINITY;
      else
        while (high - low > 1e-3 * high + 1e-3) {
          const middle = (low + high) / 2;
          if (resource.demand(loadOf(middle)) <= resource.bound) low = middle;
          else high = middle;
        }
      return { resource, workers: low, rate: Number.isFinite(low) ? loadOf(low).rate : low };
    })
    .sort((a, b) => a.workers - b.workers);
}
