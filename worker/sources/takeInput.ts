/** Bytes that a request names: an address is fetched through the guard, an upload read; then looked at and kept. */
import { refusal } from '../../shared/api/problem.ts';
import type { TakeInputRequest, TakenInput } from '../../shared/api/takeInput.ts';
import { HEAD_BYTES } from '../../shared/fileKinds.ts';
import { pictureSize } from '../../shared/pictureSize.ts';
import type { Store } from '../../shared/store/store.ts';
import { keepBytes } from '../../shared/uploads/kept.ts';
import { type InputBytes, inputBytes, readUpload } from '../../shared/uploads/readUpload.ts';
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

export function createTakeInput({ fetch, store }: SourceServices): TakeInput {
  async function bytesOf(
    { tenant, source, most }: TakeInputRequest,
    signal: AbortSignal,
  ): Promise<InputBytes> {
    if ('url' in source) return await inputBytes(await fetchBytes(fetch, source.url, most, signal));
    if (store) return await readUpload(createUploads(store), { tenant, id: source.upload }, most);
    throw refusal('unknown_upload', `this worker has no store in which ${source.upload} could be`);
  }

  return async (request, signal) => {
    const { bytes, sha256, content_type } = await bytesOf(request, signal);
    const isKept = request.keep && store !== undefined;
    if (isKept) await keepBytes(store, 'inputs', request.tenant, { digest: sha256, bytes });
    const { width, height } = pictureSize(bytes) ?? {};
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      ...{ sha256, size: bytes.length, content_type },
      head: buffer.subarray(0, HEAD_BYTES).toString('base64'),
      ...(width !== undefined && height !== undefined && { width, height }),
      ...(!isKept && { data: buffer.toString('base64') }),
    };
  };
}
