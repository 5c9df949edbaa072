/** The bytes of an upload as an input: all of them, and everything checked that was announced. */
import { refusal } from '../api/problem.ts';
import { arrayType, pictureType } from '../fileKinds.ts';
import { sha256 } from '../results/content.ts';
import { type Bytes, collect } from '../store/blobs.ts';
import type { UploadName, Uploads } from './uploads.ts';

export interface InputBytes {
  readonly bytes: Bytes;
  /** In hex. */
  readonly sha256: string;
  /** By the bytes themselves. */
  readonly content_type: string;
}

/** What bytes are as an input. @throws FailureError `unsupported_media_type` for what none can be */
export async function inputBytes(bytes: Bytes): Promise<InputBytes> {
  const content_type = pictureType(bytes) ?? arrayType(bytes);
  if (content_type !== undefined) return { bytes, sha256: await sha256(bytes), content_type };
  const detail = 'the bytes are no PNG, JPEG or WebP picture, and no .npy or .safetensors file';
  throw refusal('unsupported_media_type', detail);
}

/**
 * @param most bytes at most
 * @throws FailureError `unknown_upload`, `upload_waiting`, `upload_mismatch`, `too_large`, `unsupported_media_type`
 */
export async function readUpload(
  uploads: Uploads,
  name: UploadName,
  most: number,
): Promise<InputBytes> {
  const { id } = name;
  const opened = await uploads.open(name);
  if (opened === 'unknown') throw refusal('unknown_upload', `there is no upload ${id}`);
  if (opened === 'waiting')
    throw refusal('upload_waiting', `nothing has been sent to the upload ${id} yet`);
  const { document, size } = opened;
  const mismatch = (detail: string) => refusal('upload_mismatch', detail);
  if (document.size !== undefined && document.size !== size)
    throw mismatch(`the upload ${id} has ${size} bytes, and ${document.size} were announced`);
  const bytes = size <= most ? await collect(opened.bytes, most) : undefined;
  if (!bytes) throw refusal('too_large', `an input has at most ${most} bytes`);
  const read = await inputBytes(bytes);
  const { sha256: announced = read.sha256 } = document;
  if (announced === read.sha256) return read;
  throw mismatch(`the sha256 of the bytes is ${read.sha256}, and ${announced} was announced`);
}
