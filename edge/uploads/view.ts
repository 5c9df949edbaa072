/** An upload as its caller sees it. */
import type { Upload } from '../../shared/api/uploads.ts';
import { isoTime } from '../../shared/isoTime.ts';
import type { BlobInfo } from '../../shared/store/blobs.ts';
import type { UploadDocument } from '../../shared/uploads/uploads.ts';
import type { EdgeContext } from '../problems.ts';

export function uploadView(document: UploadDocument, info: BlobInfo | undefined): Upload {
  const { id, content_type, sha256 } = document;
  const size = info?.size ?? document.size;
  return {
    id,
    status: info ? 'arrived' : 'waiting',
    content_type,
    ...(size !== undefined && { size }),
    ...(sha256 !== undefined && { sha256 }),
    created_at: isoTime(document.created),
    expires_at: isoTime(document.expires),
  };
}

/** The edge's own address as the caller of a request sees it. */
export const originOf = (c: EdgeContext): string => new URL(c.req.url).origin;
