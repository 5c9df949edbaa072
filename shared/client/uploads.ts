/** The client's methods for bytes that are sent once, and for files that answers name. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { CreatedUpload, Upload } from '../api/uploads.ts';
import type { Call, CallOptions } from './call.ts';
import { type Bytes, readDataUrl } from './files.ts';
import { ProblemError, problemFrom } from './problem.ts';
import { readBlob } from './requests.ts';
import type { Send } from './transport.ts';

export interface UploadOptions extends CallOptions {
  /** Media type; the blob's own when left out. */
  readonly contentType?: string;
  /** In hexadecimal: other bytes are refused where they are used. */
  readonly sha256?: string;
}

/** Every method throws as `Client.generate` does. */
export interface UploadMethods {
  /** Sends bytes, which requests then name: `{ upload: id }`. */
  upload(bytes: Bytes, options?: UploadOptions): Promise<Upload>;
  /** `GET /v1/uploads/{id}` */
  uploaded(id: string, options?: CallOptions): Promise<Upload>;
  /** `DELETE /v1/uploads/{id}` */
  deleteUpload(id: string, options?: CallOptions): Promise<void>;
  /**
   * The bytes of a file of an output (`image`, `data`, `array`): a data URL, or a link where it is large. A link
   * that is over is refused with `link_expired`.
   */
  file(place: string, options?: CallOptions): Promise<Blob>;
}

const OCTETS = 'application/octet-stream';

/** What an S3 server answers, in XML, for a signature whose time is over. */
const isOver = (error: unknown): boolean =>
  error instanceof ProblemError && error.problem.status === 403 && error.problem.request_id === '';

/** @param send goes to addresses that the server gives, which have no key: they may be another server's */
export function uploadMethods(call: Call, send: Send): UploadMethods {
  const at = (address: { method: string; path: string }, id: string) => ({
    method: address.method,
    path: fillPath(address.path, { id }),
  });
  return {
    async upload(given, { contentType, sha256, ...options } = {}) {
      const type = contentType || (given instanceof Blob && given.type) || OCTETS;
      const bytes = new Blob([given as BlobPart], { type });
      const created = await call<CreatedUpload>(ADDRESSES.createUpload, options, {
        ...{ content_type: type, size: bytes.size },
        ...(sha256 !== undefined && { sha256 }),
      });
      const { method, url, headers } = created;
      await send(url, { ...options, method, headers, body: bytes }, readBlob);
      return await call<Upload>(at(ADDRESSES.upload, created.id), options);
    },
    uploaded: (id, options) => call(at(ADDRESSES.upload, id), options),
    async deleteUpload(id, options) {
      await call(at(ADDRESSES.deleteUpload, id), options);
    },
    async file(place, options = {}) {
      if (place.startsWith('data:')) return readDataUrl(place);
      return await send(place, options, readBlob).catch((cause: unknown) => {
        if (!isOver(cause)) throw cause;
        const over = {
          code: 'link_expired',
          status: 410,
          title: 'The address has expired',
        } as const;
        throw new ProblemError(problemFrom(over, 410, 'Ask for what it led to again'), { cause });
      });
    },
  };
}
