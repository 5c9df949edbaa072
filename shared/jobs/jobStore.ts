/**
 * Jobs in the store. Every revision of a document is an object of its own, written only where there is none yet:
 * of two who change a job at once, one is told that he was too late, on every store and between processes.
 *
 *   jobs/<tenant>/<id>/<revision>.json     the documents; the highest revision holds
 *   job-inputs/<tenant>/<id>/<sha256>.json what a worker is asked; there from before the job is, until it has ended
 *   job-leases/<tenant>/<id>.json          which worker is at it, and until when it is believed to live
 */
import * as z from 'zod';
import { isJobId } from '../api/jobId.ts';
import type { JobStatus } from '../api/jobs.ts';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import { type JobDocument, type JobName, jobDocumentSchema } from './job.ts';

const leaseSchema = z.object({
  worker: z.string(),
  /** Unix milliseconds. */
  until: z.number(),
});
export type Lease = z.infer<typeof leaseSchema>;

export interface JobPage {
  readonly jobs: readonly JobDocument[];
  /** Absent on the last page. */
  readonly next?: string;
}

export interface PageWish {
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  readonly status?: JobStatus | undefined;
}

/** Every function throws what the store throws when it is out of order. */
export interface JobStore {
  /** Writes what is asked, then the document's first revision. @returns the document */
  create(job: JobDocument, inputs?: Uint8Array<ArrayBuffer>): Promise<JobDocument>;
  read(name: JobName): Promise<JobDocument | undefined>;
  /** False when another has written this revision. */
  write(job: JobDocument): Promise<boolean>;
  inputs(job: JobDocument): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes what a job needed as long as it had not ended. */
  clear(name: JobName): Promise<void>;
  lease(name: JobName): Promise<Lease | undefined>;
  hold(name: JobName, lease: Lease): Promise<void>;
  /** Jobs of all tenants that have not been cleared. */
  open(): AsyncGenerator<JobName, void, undefined>;
  /** The newest first. */
  page(tenant: string, wish: PageWish): Promise<JobPage>;
}

/** Documents that are looked at for one page; a filter that few fit answers short pages. */
const MOST_LOOKED_AT = 500;
/** Documents that are read at once. */
const AT_ONCE = 16;

const folderOf = ({ tenant, id }: JobName): string => `jobs/${tenant}/${id}/`;
const documentKey = (name: JobName, revision: number): string =>
  `${folderOf(name)}${String(revision).padStart(6, '0')}.json`;
const inputsFolder = ({ tenant, id }: JobName): string => `job-inputs/${tenant}/${id}/`;
const leaseKey = ({ tenant, id }: JobName): string => `job-leases/${tenant}/${id}.json`;
/** Behind every revision. */
const END = '999999.json';

async function* inBatches<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

export function createJobStore(store: Store): JobStore {
  async function* keysUnder(prefix: string, after?: string): AsyncGenerator<string> {
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await store.list(prefix, cursor, isFirst ? after : undefined);
      yield* page.keys;
      cursor = page.cursor;
    }
  }

  /** The newest of some revisions that is whole: what is damaged counts as never written. */
  async function newest(keys: readonly string[]): Promise<JobDocument | undefined> {
    for (const key of keys.toReversed()) {
      const found = await readStored(store, key, jobDocumentSchema);
      if (found.state === 'found') return found.value;
    }
    return undefined;
  }

  /** The revisions of each job, job by job. */
  async function* groups(tenant: string, after?: string): AsyncGenerator<[string, string[]]> {
    const prefix = `jobs/${tenant}/`;
    const behind = after === undefined ? undefined : folderOf({ tenant, id: after }) + END;
    let group: [string, string[]] | undefined;
    for await (const key of keysUnder(prefix, behind)) {
      const id = key.slice(prefix.length).split('/')[0] ?? '';
      if (group?.[0] === id) group[1].push(key);
      else {
        if (group) yield group;
        group = [id, [key]];
      }
    }
    if (group) yield group;
  }

  const jobs: JobStore = {
    async create(job, inputs) {
      const made = { ...job, ...(inputs && { inputs: await sha256(inputs) }) };
      if (inputs)
        await store.put(`${inputsFolder(job)}${made.inputs}.json`, inputs, {
          contentType: 'application/json',
        });
      if (!(await jobs.write(made))) throw new Error(`there is a job ${job.id} already`);
      return made;
    },
    async read(name) {
      const keys: string[] = [];
      for await (const key of keysUnder(folderOf(name))) keys.push(key);
      return await newest(keys);
    },
    async write(job) {
      const body = new TextEncoder().encode(JSON.stringify(job));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      return (await store.put(documentKey(job, job.revision), body, options)).ok;
    },
    async inputs(job) {
      if (job.inputs === undefined) return undefined;
      return (await store.get(`${inputsFolder(job)}${job.inputs}.json`))?.body;
    },
    async clear(name) {
      await store.delete(leaseKey(name));
      // Last, since it is by these that open jobs are found.
      for await (const key of keysUnder(inputsFolder(name))) await store.delete(key);
    },
    async lease(name) {
      const found = await readStored(store, leaseKey(name), leaseSchema);
      return found.state === 'found' ? found.value : undefined;
    },
    async hold(name, lease) {
      await writeStored(store, leaseKey(name), lease);
    },
    async *open() {
      for await (const key of keysUnder('job-inputs/')) {
        const [, tenant, id] = key.split('/');
        if (tenant !== undefined && id !== undefined && isJobId(id)) yield { tenant, id };
      }
    },
    async page(tenant, { limit, after, status }) {
      const found: JobDocument[] = [];
      let [lookedAt, last] = [0, after];
      for await (const batch of inBatches(groups(tenant, after))) {
        const read = await Promise.all(batch.map(([, keys]) => newest(keys)));
        for (const [index, [id]] of batch.entries()) {
          // There is at least this one more.
          const isFull = found.length === limit || lookedAt === MOST_LOOKED_AT;
          if (isFull && last !== undefined) return { jobs: found, next: last };
          const job = read[index];
          if (job && (status === undefined || job.status === status)) found.push(job);
          last = id;
          lookedAt++;
        }
      }
      return { jobs: found };
    },
  };
  return jobs;
}
