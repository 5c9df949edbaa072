/** `/v1/links/{permit}`: bytes are fetched from and sent to addresses that were given for it. */
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import type { Permit } from '../uploads/permit.ts';
import { withUploads } from '../uploads/store.ts';
import { uploadView } from '../uploads/view.ts';

/** The bytes as they come, within what the address allows. */
async function* bounded(
  source: AsyncIterable<Uint8Array>,
  { size, most = Number.POSITIVE_INFINITY }: Permit,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > (size ?? most)) {
      if (size === undefined) throw refusal('too_large', `an upload has at most ${most} bytes`);
      throw refusal('upload_mismatch', `the body has more than the ${size} bytes announced`);
    }
    yield piece;
  }
  if (size !== undefined && length < size)
    throw refusal('upload_mismatch', `the body has ${length} of the ${size} bytes announced`);
  if (length === 0) throw refusal('empty_request', 'the request has no body');
}

const streamOf = (source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> => {
  const pieces = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await pieces.return?.();
    },
  });
};

export function createLinkRoutes(services: Services) {
  const { addresses, store, uploads } = services;
  const { blobs } = store;

  /** @throws FailureError `invalid_link`, `link_expired` */
  async function permitOf(c: EdgeContext, wanted: Permit['do']): Promise<Permit> {
    const permit = await addresses.permits.read(c.req.param('permit') ?? '');
    if (permit === 'expired')
      throw refusal('link_expired', 'the address has expired; ask for what it led to again');
    if (permit === 'forged' || permit.do !== wanted)
      throw refusal('invalid_link', 'the address was not given by this server for this');
    return permit;
  }

  return {
    async link(c: EdgeContext): Promise<Response> {
      const { key, content_type } = await permitOf(c, 'get');
      const found = await withUploads(services, 'read', async () => {
        const info = await blobs.info(key);
        return info && { info, bytes: await blobs.read(key) };
      });
      if (!found?.bytes) throw refusal('not_found', 'what the address led to is no longer kept');
      const headers = {
        'cache-control': 'private, max-age=60',
        'content-length': String(found.info.size),
        'content-type': content_type,
      };
      return new Response(streamOf(found.bytes), { headers });
    },
    async putLink(c: EdgeContext): Promise<Response> {
      const permit = await permitOf(c, 'put');
      const type = c.req.header('content-type') ?? '';
      if (type !== permit.content_type || (c.req.header('content-encoding') ?? '') !== '') {
        const detail = `the content type must be ${permit.content_type}, as announced, not ${shorten(type || 'none')}`;
        throw refusal('unsupported_media_type', detail);
      }
      const length = Number(c.req.header('content-length') ?? 0);
      const most = permit.size ?? permit.most ?? 0;
      if (length > most) {
        const code = permit.size === undefined ? 'too_large' : 'upload_mismatch';
        throw refusal(code, `the body has ${length} bytes; ${most} are taken here`);
      }
      const [, tenant = '', id = ''] = permit.key.split('/');
      const document = await withUploads(services, 'read', () => uploads.find({ tenant, id }));
      if (!document) throw refusal('unknown_upload', 'the upload was deleted, or has expired');
      const source = c.get('body').stream(c.req.raw);
      await withUploads(services, 'kept', () => blobs.write(permit.key, bounded(source, permit)));
      return c.json(uploadView(document, await blobs.info(permit.key)));
    },
  };
}
