/**
 * Batches in the store.
 *
 *   batches/<tenant>/<id>/<revision>.json               the documents, see `documents.ts`
 *   batches-open/<tenant>/<id>.json                     there from before its first piece until its end is cleared
 *   batch-inputs/<tenant>/<id>/<piece>.jsonl            what was sent, cut at line ends
 *   batch-parts/<tenant>/<id>/<piece>/<sha256>.jsonl    answers of a piece's lines, under the hash of what they are
 *   batch-records/<tenant>/<id>/<piece>.json            which parts are a piece's: written once, when it is done
 *   batch-leases/<tenant>/<id>.json                     which worker is at it, until when it is believed to live, how far
 */
import * as z from 'zod';
import { BATCH_IDS } from '../api/batchId.ts';
import { createDocuments, type Documents } from '../documents/documents.ts';
import { deleteUnder } from '../documents/keys.ts';
import { keysUnder } from '../documents/revisions.ts';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';
import { type BatchDocument, type BatchName, batchDocumentSchema } from './batch.ts';

const count = z.number().int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const leaseSchema = z.object({
  worker: z.string(),
  /** Unix milliseconds. */
  until: z.number(),
  completed: count,
  failed: count,
});
export type BatchLease = z.infer<typeof leaseSchema>;

/** What became of a piece: its parts of both files, in order. */
export const pieceRecordSchema = z.object({
  completed: count,
  failed: count,
  /** Of those that failed: lines that were not tried, since the batch was at its end. */
  untried: count,
  output: z.array(hash),
  errors: z.array(hash),
});
export type PieceRecord = z.infer<typeof pieceRecordSchema>;

/** Every function throws what the store throws when it is out of order. */
export interface BatchStore
  extends Pick<Documents<BatchDocument>, 'read' | 'successor' | 'write' | 'page'> {
  /** Says that pieces of a batch will come. */
  open(name: BatchName): Promise<void>;
  putPiece(name: BatchName, piece: number, body: Uint8Array<ArrayBuffer>): Promise<void>;
  piece(name: BatchName, piece: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** @returns what names the part in the record of its piece */
  putPart(name: BatchName, piece: number, body: Uint8Array<ArrayBuffer>): Promise<string>;
  part(name: BatchName, piece: number, part: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Numbers of the pieces that are done. */
  done(name: BatchName): Promise<Set<number>>;
  record(name: BatchName, piece: number): Promise<PieceRecord | undefined>;
  /** The first record of a piece holds. */
  putRecord(name: BatchName, piece: number, record: PieceRecord): Promise<void>;
  lease(name: BatchName): Promise<BatchLease | undefined>;
  hold(name: BatchName, lease: BatchLease): Promise<void>;
  /** Removes what a batch needed as long as it had not ended. */
  clear(name: BatchName): Promise<void>;
  /** Removes all of it. */
  remove(name: BatchName): Promise<void>;
  /** Batches of all tenants that have not been cleared, and those whose pieces were still to come. */
  opened(): AsyncGenerator<BatchName, void, undefined>;
}

const numbered = (piece: number): string => String(piece).padStart(6, '0');

export function createBatchStore(store: Store): BatchStore {
  const documents = createDocuments(store, 'batches', batchDocumentSchema);
  const under = (folder: string, { tenant, id }: BatchName): string => `${folder}/${tenant}/${id}`;
  const pieceKey = (name: BatchName, piece: number): string =>
    `${under('batch-inputs', name)}/${numbered(piece)}.jsonl`;
  const partKey = (name: BatchName, piece: number, part: string): string =>
    `${under('batch-parts', name)}/${numbered(piece)}/${part}.jsonl`;
  const recordKey = (name: BatchName, piece: number): string =>
    `${under('batch-records', name)}/${numbered(piece)}.json`;
  const leaseKey = (name: BatchName): string => `${under('batch-leases', name)}.json`;
  const openKey = (name: BatchName): string => `${under('batches-open', name)}.json`;
  const lines = { contentType: 'application/x-ndjson' } as const;

  const batches: BatchStore = {
    ...documents,
    async open(name) {
      await writeStored(store, openKey(name), {});
    },
    async putPiece(name, piece, body) {
      await store.put(pieceKey(name, piece), body, lines);
    },
    piece: async (name, piece) => (await store.get(pieceKey(name, piece)))?.body,
    async putPart(name, piece, body) {
      const part = await sha256(body);
      await store.put(partKey(name, piece, part), body, lines);
      return part;
    },
    part: async (name, piece, part) => (await store.get(partKey(name, piece, part)))?.body,
    async done(name) {
      const prefix = `${under('batch-records', name)}/`;
      const done = new Set<number>();
      for await (const key of keysUnder(store, prefix))
        done.add(Number.parseInt(key.slice(prefix.length), 10));
      return done;
    },
    async record(name, piece) {
      const found = await readStored(store, recordKey(name, piece), pieceRecordSchema);
      return found.state === 'found' ? found.value : undefined;
    },
    async putRecord(name, piece, record) {
      const body = new TextEncoder().encode(JSON.stringify(record));
      const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
      await store.put(recordKey(name, piece), body, options);
    },
    async lease(name) {
      const found = await readStored(store, leaseKey(name), leaseSchema);
      return found.state === 'found' ? found.value : undefined;
    },
    async hold(name, lease) {
      await writeStored(store, leaseKey(name), lease);
    },
    async clear(name) {
      await store.delete(leaseKey(name));
      await deleteUnder(store, `${under('batch-inputs', name)}/`);
      // Last, since it is by this that open batches are found.
      await store.delete(openKey(name));
    },
    async remove(name) {
      await batches.clear(name);
      await deleteUnder(store, `${under('batch-parts', name)}/`);
      await deleteUnder(store, `${under('batch-records', name)}/`);
      await documents.remove(name);
    },
    async *opened() {
      for await (const key of keysUnder(store, 'batches-open/')) {
        const [, tenant, file = ''] = key.split('/');
        const id = file.replace(/\.json$/, '');
        if (tenant !== undefined && BATCH_IDS.is(id)) yield { tenant, id };
      }
    },
  };
  return batches;
}
