/**
 * Jobs in the store. Every revision of a document is an object of its own: see `shared/documents`.
 *
 *   jobs/<tenant>/<id>/<revision>.json     the documents; the highest revision holds
 *   job-inputs/<tenant>/<id>/<sha256>.json what a worker is asked; there from before the job is, until it has ended
 *   job-leases/<tenant>/<id>.json          which worker is at it, and until when it is believed to live
 */
import * as z from 'zod';
import { isJobId } from '../api/jobId.ts';
import type { JobStatus } from '../api/jobs.ts';
import { createRevisions, documentsUnder, keysUnder } from '../documents/revisions.ts';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import { type JobDocument, type JobName, jobDocumentSchema } from './job.ts';
import { loggedProgressSchema } from './progress.ts';

const leaseSchema = z.object({
  worker: z.string(),
  /** Unix milliseconds. */
  until: z.number(),
  /** How far the job was then. */
  progress: loggedProgressSchema.optional(),
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
const inputsFolder = ({ tenant, id }: JobName): string => `job-inputs/${tenant}/${id}/`;
const leaseKey = ({ tenant, id }: JobName): string => `job-leases/${tenant}/${id}.json`;

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
  const documents = createRevisions(store, jobDocumentSchema);
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
    read: (name) => documents.read(folderOf(name)),
    write: (job) => documents.write(folderOf(job), job),
    async inputs(job) {
      if (job.inputs === undefined) return undefined;
      return (await store.get(`${inputsFolder(job)}${job.inputs}.json`))?.body;
    },
    async clear(name) {
      await store.delete(leaseKey(name));
      // Last, since it is by these that open jobs are found.
      for await (const key of keysUnder(store, inputsFolder(name))) await store.delete(key);
    },
    async lease(name) {
      const found = await readStored(store, leaseKey(name), leaseSchema);
      return found.state === 'found' ? found.value : undefined;
    },
    async hold(name, lease) {
      await writeStored(store, leaseKey(name), lease);
    },
    async *open() {
      for await (const key of keysUnder(store, 'job-inputs/')) {
        const [, tenant, id] = key.split('/');
        if (tenant !== undefined && id !== undefined && isJobId(id)) yield { tenant, id };
      }
    },
    async page(tenant, { limit, after, status }) {
      const found: JobDocument[] = [];
      let [lookedAt, last] = [0, after];
      for await (const batch of inBatches(documentsUnder(store, `jobs/${tenant}/`, after))) {
        const read = await Promise.all(batch.map(([, keys]) => documents.newest(keys)));
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
