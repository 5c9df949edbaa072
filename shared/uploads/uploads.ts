/**
 * Uploads in the store:
 *   upload-documents/<tenant>/<id>.json   what was announced, and until when it is kept
 *   uploads/<tenant>/<id>                 the bytes, a blob, once they have come
 * Whoever needs the bytes of one as they lie there, such as a batch its lines, calls `open`.
 */
import * as z from 'zod';
import { createUploadId, isUploadId } from '../api/uploadId.ts';
import type { CreateUploadRequest } from '../api/uploads.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { BlobInfo } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';

export interface UploadName {
  readonly tenant: string;
  readonly id: string;
}

const documentSchema = z.object({
  tenant: z.string(),
  id: z.string(),
  content_type: z.string(),
  size: z.number().optional(),
  sha256: z.string().optional(),
  /** Unix milliseconds, as all times here. */
  created: z.number(),
  expires: z.number(),
});
export type UploadDocument = z.infer<typeof documentSchema>;

export interface OpenUpload {
  readonly document: UploadDocument;
  /** Bytes. */
  readonly size: number;
  /** In pieces: a process holds one of them at a time. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** Every function throws what the store throws when it is out of order. */
export interface Uploads {
  create(tenant: string, announced: CreateUploadRequest): Promise<UploadDocument>;
  /** One that has expired counts as absent. */
  find(name: UploadName): Promise<UploadDocument | undefined>;
  /** What has come; undefined as long as nothing has. */
  arrived(name: UploadName): Promise<BlobInfo | undefined>;
  /**
   * The bytes of an upload as a stream.
   * @param from the first byte that is wanted: whoever was interrupted goes on there
   * @returns `unknown` for none of this tenant, `waiting` for one whose bytes have not come
   */
  open(name: UploadName, from?: number): Promise<OpenUpload | 'unknown' | 'waiting'>;
  remove(name: UploadName): Promise<void>;
  /** Removes what has expired, of all tenants. */
  sweep(): Promise<void>;
}

/** How long an upload is kept: a batch whose lines name it has a day, and may begin later. */
export const UPLOAD_MILLISECONDS = 3 * 24 * 3_600_000;

const DOCUMENTS = 'upload-documents/';
const documentKey = ({ tenant, id }: UploadName): string => `${DOCUMENTS}${tenant}/${id}.json`;
/** Where the bytes lie, among blobs. */
export const uploadKey = ({ tenant, id }: UploadName): string => `uploads/${tenant}/${id}`;

/** @param now unix milliseconds */
export function createUploads(store: Store, now: () => number = Date.now): Uploads {
  const { blobs } = store;

  const uploads: Uploads = {
    async create(tenant, announced) {
      const created = now();
      const document = {
        ...{ tenant, id: createUploadId(), ...announced },
        ...{ created, expires: created + UPLOAD_MILLISECONDS },
      };
      await writeStored(store, documentKey(document), document);
      return document;
    },
    async find(name) {
      if (!isUploadId(name.id)) return undefined;
      const found = await readStored(store, documentKey(name), documentSchema);
      return found.state === 'found' && found.value.expires > now() ? found.value : undefined;
    },
    arrived: (name) => blobs.info(uploadKey(name)),
    async open(name, from) {
      const document = await uploads.find(name);
      if (!document) return 'unknown';
      const info = await uploads.arrived(name);
      const bytes = info && (await blobs.read(uploadKey(name), from));
      return bytes ? { document, size: info.size, bytes } : 'waiting';
    },
    async remove(name) {
      await blobs.delete(uploadKey(name));
      await store.delete(documentKey(name));
    },
    async sweep() {
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
        const page = await store.list(DOCUMENTS, cursor);
        cursor = page.cursor;
        for (const key of page.keys) {
          const found = await readStored(store, key, documentSchema);
          if (found.state === 'found' && found.value.expires > now()) continue;
          const [tenant = '', file = ''] = key.slice(DOCUMENTS.length).split('/');
          await uploads.remove({ tenant, id: file.replace(/\.json$/, '') });
        }
      }
      // What was sent to an address that outlived its upload.
      for await (const { key, modified } of blobs.list('uploads/'))
        if (modified + UPLOAD_MILLISECONDS <= now()) await blobs.delete(key);
    },
  };
  return uploads;
}
