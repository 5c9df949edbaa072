/** `/v1/uploads`: begun, looked at, deleted. */
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { createUploadRequestSchema, type Upload } from '../../shared/api/uploads.ts';
import { isoTime } from '../../shared/isoTime.ts';
import { sweepUploads } from '../../shared/uploads/sweep.ts';
import { type UploadDocument, uploadKey } from '../../shared/uploads/uploads.ts';
import { readRequest } from '../body/read.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { withUploads } from '../uploads/store.ts';
import { originOf, uploadView } from '../uploads/view.ts';

/** Between two sweeps of a process. */
const SWEEP_MILLISECONDS = 3_600_000;

export function createUploadRoutes(services: Services) {
  const { uploads, addresses, config, store, log } = services;

  /** The upload of the address. @throws FailureError `unknown_upload`, also for another tenant's */
  async function find(c: EdgeContext): Promise<UploadDocument> {
    const id = c.req.param('id') ?? '';
    const found = await withUploads(services, 'read', () =>
      uploads.find({ tenant: tenantOf(c), id }),
    );
    if (found) return found;
    throw refusal('unknown_upload', `there is no upload ${shorten(id)}`, pointerTo('id'));
  }

  let swept = Number.NEGATIVE_INFINITY;
  /** Workers sweep the store that they share with edges; where there is none, nobody else would. */
  function sweep(): void {
    if (store.kind === 's3' || performance.now() - swept < SWEEP_MILLISECONDS) return;
    swept = performance.now();
    sweepUploads(store).catch((error: unknown) =>
      log(`expired uploads cannot be removed: ${error instanceof Error ? error.message : error}`),
    );
  }

  const answer = (c: EdgeContext, upload: Upload): Response => {
    c.header('cache-control', 'no-store');
    return c.json(upload);
  };

  return {
    async createUpload(c: EdgeContext): Promise<Response> {
      const { value } = await readRequest(c.req.raw, c.get('body'));
      const announced = parseBody(createUploadRequestSchema, value);
      const most = config.FOURM_MAX_UPLOAD_BYTES;
      if ((announced.size ?? 0) > most)
        throw refusal('too_large', `an upload has at most ${most} bytes`, pointerTo('size'));
      sweep();
      const document = await withUploads(services, 'kept', () =>
        uploads.create(tenantOf(c), announced),
      );
      const { url, headers, expires } = await addresses.toSend(
        uploadKey(document),
        announced,
        originOf(c),
      );
      const place = {
        method: 'PUT',
        url,
        headers,
        url_expires_at: isoTime(expires),
      };
      return answer(c, { ...uploadView(document, undefined), ...place });
    },
    async upload(c: EdgeContext): Promise<Response> {
      const document = await find(c);
      const info = await withUploads(services, 'read', () => uploads.arrived(document));
      return answer(c, uploadView(document, info));
    },
    async deleteUpload(c: EdgeContext): Promise<Response> {
      const document = await find(c);
      await withUploads(services, 'deleted', () => uploads.remove(document));
      return c.json({ deleted: true });
    },
  };
}
