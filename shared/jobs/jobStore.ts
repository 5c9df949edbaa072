/**
 * Jobs in the store.
 *
 *   jobs/<tenant>/<id>/<revision>.json     the documents, see `documents.ts`
 *   job-inputs/<tenant>/<id>/<sha256>.json what a worker is asked; there from before the job is, until it has ended
 *   job-leases/<tenant>/<id>.json          which worker is at it, and until when it is believed to live
 */
import * as z from 'zod';
import { isJobId } from '../api/jobId.ts';
import type { JobStatus } from '../api/jobs.ts';
import { createDocuments } from '../documents/documents.ts';
import { deleteUnder } from '../documents/keys.ts';
import { keysUnder } from '../documents/revisions.ts';
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
  /** What another has made of a job: its next revision, by one request. */
  successor(job: JobDocument): Promise<JobDocument | undefined>;
  /** False when another has written this revision. */
  write(job: JobDocument): Promise<boolean>;
  inputs(job: JobDocument): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes what a job needed as long as it had not ended. */
  clear(name: JobName): Promise<void>;
  lease(name: JobName): Promise<Lease | undefined>;
  hold(name: JobName, lease: Lease): Promise<void>;
  /** Jobs of all tenants that have not been cleared. */
  open(): AsyncGenerator<JobName, void, undefined>;
  /** How many jobs of a tenant have not been cleared; counted up to a bound. */
  countOpen(tenant: string, most: number): Promise<number>;
  /** The newest first. */
  page(tenant: string, wish: PageWish): Promise<JobPage>;
}

const inputsFolder = ({ tenant, id }: JobName): string => `job-inputs/${tenant}/${id}/`;
const leaseKey = ({ tenant, id }: JobName): string => `job-leases/${tenant}/${id}.json`;

export function createJobStore(store: Store): JobStore {
  const documents = createDocuments(store, 'jobs', jobDocumentSchema);
  return {
    async create(job, inputs) {
      const made = { ...job, ...(inputs && { inputs: await sha256(inputs) }) };
      if (inputs)
        await store.put(`${inputsFolder(job)}${made.inputs}.json`, inputs, {
          contentType: 'application/json',
        });
      if (!(await documents.write(made))) throw new Error(`there is a job ${job.id} already`);
      return made;
    },
    read: documents.read,
    successor: documents.successor,
    write: documents.write,
    async inputs(job) {
      if (job.inputs === undefined) return undefined;
      return (await store.get(`${inputsFolder(job)}${job.inputs}.json`))?.body;
    },
    async clear(name) {
      await store.delete(leaseKey(name));
      // Last, since it is by these that open jobs are found.
      await deleteUnder(store, inputsFolder(name));
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
    async countOpen(tenant, most) {
      const ids = new Set<string>();
      for await (const key of keysUnder(store, `job-inputs/${tenant}/`)) {
        ids.add(key.split('/')[2] ?? '');
        if (ids.size >= most) break;
      }
      return ids.size;
    },
    async page(tenant, { limit, after, status }) {
      const fits = (job: JobDocument): boolean => status === undefined || job.status === status;
      const { documents: jobs, next } = await documents.page(tenant, { limit, after, fits });
      return { jobs, ...(next !== undefined && { next }) };
    },
  };
}
