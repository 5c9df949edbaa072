/** Bytes that a request names: an address is fetched through the guard, an upload read; then looked at and kept. */
import { createHash } from 'node:crypto';
import { refusal } from '../../shared/api/problem.ts';
import type { TakeInputRequest, TakenInput } from '../../shared/api/takeInput.ts';
import { arrayType, HEAD_BYTES, pictureType } from '../../shared/fileKinds.ts';
import { pictureSize } from '../../shared/pictureSize.ts';
import { type Bytes, collect } from '../../shared/store/blobs.ts';
import type { Store } from '../../shared/store/store.ts';
import { keepBytes } from '../../shared/uploads/kept.ts';
import { createUploads } from '../../shared/uploads/uploads.ts';
import type { GuardedFetch } from '../guard/guardedFetch.ts';
import { fetchBytes } from './fetchBytes.ts';

export interface SourceServices {
  readonly fetch: GuardedFetch;
  /** What edges write to as well; absent where the worker has none. */
  readonly store: Store | undefined;
}

/** Takes bytes in. @throws FailureError for what is wrong with them; the signal's reason */
export type TakeInput = (request: TakeInputRequest, signal: AbortSignal) => Promise<TakenInput>;

/** @throws FailureError `unknown_upload`, `upload_waiting`, `upload_mismatch`, `too_large` */
async function uploadBytes(
  store: Store | undefined,
  { tenant, id }: { readonly tenant: string; readonly id: string },
  most: number,
): Promise<{ readonly bytes: Bytes; readonly announced: string | undefined }> {
  const opened = store ? await createUploads(store).open({ tenant, id }) : 'unknown';
  if (opened === 'unknown') throw refusal('unknown_upload', `there is no upload ${id}`);
  if (opened === 'waiting')
    throw refusal('upload_waiting', `nothing has been sent to the upload ${id} yet`);
  const { document, size } = opened;
  if (document.size !== undefined && document.size !== size) {
    const detail = `the upload ${id} has ${size} bytes, and ${document.size} were announced`;
    throw refusal('upload_mismatch', detail);
  }
  const tooLarge = () => refusal('too_large', `an input has at most ${most} bytes`);
  if (size > most) throw tooLarge();
  const bytes = await collect(opened.bytes, most);
  if (!bytes) throw tooLarge();
  return { bytes, announced: document.sha256 };
}

/** @throws FailureError `unsupported_media_type` for what no input can be */
function typeOf(bytes: Bytes): string {
  const type = pictureType(bytes) ?? arrayType(bytes);
  if (type !== undefined) return type;
  const detail = 'the bytes are no PNG, JPEG or WebP picture, and no .npy or .safetensors file';
  throw refusal('unsupported_media_type', detail);
}

export const createTakeInput =
  ({ fetch, store }: SourceServices): TakeInput =>
  async ({ tenant, source, most, keep }, signal) => {
    const { bytes, announced } =
      'url' in source
        ? { bytes: await fetchBytes(fetch, source.url, most, signal), announced: undefined }
        : await uploadBytes(store, { tenant, id: source.upload }, most);
    const content_type = typeOf(bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (announced !== undefined && announced !== sha256) {
      const detail = `the sha256 of the bytes is ${sha256}, and ${announced} was announced`;
      throw refusal('upload_mismatch', detail);
    }
    const isKept = keep && store !== undefined;
    if (isKept) await keepBytes(store, 'inputs', tenant, { digest: sha256, bytes });
    const { width, height } = pictureSize(bytes) ?? {};
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      ...{ sha256, size: bytes.length, content_type },
      head: buffer.subarray(0, HEAD_BYTES).toString('base64'),
      ...(width !== undefined && height !== undefined && { width, height }),
      ...(!isKept && { data: buffer.toString('base64') }),
    };
  };
