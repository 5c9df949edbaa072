/** The client's methods for bytes that are sent once, and for files that answers name. */
import { ADDRESSES, fillPath } from '../api/addresses.ts';
import type { CreatedUpload, Upload } from '../api/uploads.ts';
import type { Call, CallOptions } from './call.ts';
import { ProblemError, problemFrom } from './problem.ts';

export interface UploadOptions extends CallOptions {
  /** Media type; the blob's own when left out. */
  readonly contentType?: string;
  /** In hexadecimal: other bytes are refused where they are used. */
  readonly sha256?: string;
}

/** Every method throws as `Client.generate` does. */
export interface UploadMethods {
  /** Sends bytes, which requests then name: `{ upload: id }`. */
  upload(bytes: Blob | ArrayBuffer, options?: UploadOptions): Promise<Upload>;
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

/** @param throwIfProblem of an answer that is none of the API's own: an S3 server's is in XML */
export function uploadMethods(
  call: Call,
  send: typeof fetch,
  throwIfProblem: (response: Response) => Promise<void>,
): UploadMethods {
  const at = (address: { method: string; path: string }, id: string) => ({
    method: address.method,
    path: fillPath(address.path, { id }),
  });
  return {
    async upload(given, { contentType, sha256, ...options } = {}) {
      const type = contentType || (given instanceof Blob && given.type) || OCTETS;
      const bytes = new Blob([given], { type });
      const created = await call<CreatedUpload>(ADDRESSES.createUpload, options, {
        ...{ content_type: type, size: bytes.size },
        ...(sha256 !== undefined && { sha256 }),
      });
      const { method, url, headers } = created;
      const sent = await send(url, { method, headers, body: bytes, ...options });
      await throwIfProblem(sent);
      await sent.body?.cancel();
      return await call<Upload>(at(ADDRESSES.upload, created.id), options);
    },
    uploaded: (id, options) => call(at(ADDRESSES.upload, id), options),
    async deleteUpload(id, options) {
      await call(at(ADDRESSES.deleteUpload, id), options);
    },
    async file(place, options = {}) {
      if (place.startsWith('data:')) return await (await fetch(place)).blob();
      const answer = await send(place, { ...options });
      // What an S3 server answers for a signature whose time is over.
      if (answer.status === 403 && !answer.headers.get('content-type')?.includes('json')) {
        await answer.body?.cancel();
        const over = {
          code: 'link_expired',
          status: 410,
          title: 'The address has expired',
        } as const;
        throw new ProblemError(problemFrom(over, 410, 'Ask for what it led to again'));
      }
      await throwIfProblem(answer);
      return await answer.blob();
    },
  };
}
