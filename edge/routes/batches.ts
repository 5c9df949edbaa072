/** `/v1/batches`: many requests in one file: taken, listed, told, followed, canceled, answered. */
import {
  BATCH_URLS,
  type BatchesResponse,
  batchesPageSchema,
  completionWindowSchema,
  createBatchRequestSchema,
  endpointSchema,
} from '../../shared/api/batches.ts';
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { BATCH_EVENTS } from '../../shared/api/webhookEvents.ts';
import { isEnded } from '../../shared/batches/batch.ts';
import { type BatchState, batchView } from '../../shared/batches/view.ts';
import type { BatchAsked } from '../batches/batches.ts';
import { lineUrlsOf } from '../batches/lineUrls.ts';
import { readRequest } from '../body/read.ts';
import { followed } from '../followed.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { withUploads } from '../uploads/store.ts';
import { webhookOf } from '../webhookOf.ts';
import { batchNameOf, unknownBatch } from './batchName.ts';

/** Whether the body is the lines themselves. @throws FailureError `unsupported_media_type` for one that is compressed */
function isLines(c: EdgeContext): boolean {
  const encoding = c.req.header('content-encoding') ?? 'identity';
  const type = (c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return false;
  const { files } = ROUTES.createBatch.request;
  if (encoding.toLowerCase() === 'identity' && Object.hasOwn(files, type)) return true;
  const taken = ['application/json', ...Object.keys(files)].join(' or ');
  const detail = `the content type must be ${taken}, without Content-Encoding, not ${shorten(type || 'none')}`;
  throw refusal('unsupported_media_type', detail);
}

/** Who asks for a batch, and what his key opens. @throws FailureError `insufficient_scope` */
function whoOf(c: EdgeContext, endpoint: BatchAsked['endpoint']) {
  const key = c.get('key')?.key;
  const urls = lineUrlsOf(key, endpoint);
  return { tenant: tenantOf(c), requestId: c.get('requestId'), key: key?.id, urls };
}

/** @throws FailureError `invalid_request`, `insufficient_scope` */
function askedOf(c: EdgeContext, { config }: Services): BatchAsked {
  const { endpoint: endpointText, completion_window: windowText, webhook: url } = c.req.query();
  const endpoint = endpointSchema.safeParse(endpointText);
  if (!endpoint.success) {
    const detail = `endpoint must be one of ${BATCH_URLS.join(', ')}`;
    throw refusal('invalid_request', detail, pointerTo('endpoint'));
  }
  const window = completionWindowSchema.safeParse(windowText);
  if (!window.success) {
    const detail = 'completion_window must be a time such as 30m or 24h, of at most 168h';
    throw refusal('invalid_request', detail, pointerTo('completion_window'));
  }
  const webhook = webhookOf({ ...(url !== undefined && { webhook: url }) }, BATCH_EVENTS, config);
  const asked = { ...whoOf(c, endpoint.data), webhook };
  return { ...asked, endpoint: endpoint.data, window: window.data };
}

/** @throws FailureError `invalid_request` */
function pageOf(c: EdgeContext): { limit: number; after: string | undefined } {
  const { limit: text, after } = c.req.query();
  const limit = batchesPageSchema.safeParse(
    text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : text,
  );
  if (!limit.success) {
    const detail = 'limit must be a whole number from 1 to 100';
    throw refusal('invalid_request', detail, pointerTo('limit'));
  }
  if (after !== undefined && !BATCH_IDS.is(after)) {
    const detail = 'after must be `last_id` of an earlier page';
    throw refusal('invalid_request', detail, pointerTo('after'));
  }
  return { limit: limit.data, after };
}

export function createBatchRoutes(services: Services) {
  const { batches } = services;

  function answer(c: EdgeContext, state: BatchState | undefined, id: string): Response {
    if (!state) throw unknownBatch(id);
    c.header('cache-control', 'no-store');
    return c.json(batchView(state));
  }

  async function ofBody(c: EdgeContext): Promise<BatchState> {
    const asked = askedOf(c, services);
    if (!c.req.raw.body) throw refusal('empty_request', 'the request has no body');
    return await batches.submit(asked, c.get('body').stream(c.req.raw));
  }

  /** @throws FailureError `unknown_upload`, `upload_waiting` */
  async function ofUpload(c: EdgeContext): Promise<BatchState> {
    const { value } = await readRequest(c.req.raw, c.get('body'));
    const asked = parseBody(createBatchRequestSchema, value);
    const { input, input_file_id: id = '', completion_window: window, endpoint, metadata } = asked;
    const upload = input?.upload ?? id;
    const at = input ? pointerTo('input', 'upload') : pointerTo('input_file_id');
    const name = { tenant: tenantOf(c), id: upload };
    const opened = await withUploads(services, 'read', () => services.uploads.open(name));
    if (opened === 'unknown') throw refusal('unknown_upload', `there is no upload ${upload}`, at);
    if (opened === 'waiting') {
      const detail = `nothing has been sent to the upload ${upload} yet`;
      throw refusal('upload_waiting', detail, at);
    }
    const webhook = webhookOf(asked, BATCH_EVENTS, services.config);
    const who = { ...whoOf(c, endpoint), webhook };
    return await batches.submit({ ...who, endpoint, window, metadata, upload }, opened.bytes);
  }

  const file = (which: 'output' | 'errors') => async (c: EdgeContext) => {
    const name = batchNameOf(c);
    const state = await batches.find(name);
    if (!state) throw unknownBatch(name.id);
    if (!isEnded(state.batch)) {
      const detail = `the batch is ${state.batch.status}; its files are there when it has ended`;
      throw refusal('batch_unfinished', detail, pointerTo('id'));
    }
    return c.body(batches.file(state.batch, which), {
      headers: {
        'content-type': 'application/x-ndjson',
        'cache-control': 'no-store',
        'content-disposition': `attachment; filename="${name.id}.${which}.jsonl"`,
      },
    });
  };

  async function batchEvents(c: EdgeContext): Promise<Response> {
    const name = batchNameOf(c);
    if (!(await batches.find(name))) throw unknownBatch(name.id);
    let last = c.req.header('last-event-id');
    const lastId = (): string => last ?? '';
    return followed(c, services, lastId, async ({ send, sendNothing, signal }) => {
      for await (const state of batches.follow(name, signal)) {
        const view = batchView(state);
        const { completed, failed } = view.request_counts;
        const id = `${view.status}-${completed}-${failed}`;
        if (isEnded(state.batch)) await send('end', id, view);
        else if (id !== last) await send('progress', id, view);
        else await sendNothing();
        last = id;
      }
    });
  }

  return {
    async createBatch(c: EdgeContext): Promise<Response> {
      const state = await (isLines(c) ? ofBody(c) : ofUpload(c));
      return answer(c, state, state.batch.id);
    },
    async batches(c: EdgeContext): Promise<Response> {
      const { limit, after } = pageOf(c);
      const { states, hasMore } = await batches.page(tenantOf(c), limit, after);
      const data = states.map(batchView);
      c.header('cache-control', 'no-store');
      const page: BatchesResponse = {
        object: 'list',
        data,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
        has_more: hasMore,
      };
      return c.json(page);
    },
    async batch(c: EdgeContext): Promise<Response> {
      const name = batchNameOf(c);
      return answer(c, await batches.find(name), name.id);
    },
    async cancelBatch(c: EdgeContext): Promise<Response> {
      const name = batchNameOf(c);
      return answer(c, await batches.cancel(name), name.id);
    },
    batchOutput: file('output'),
    batchErrors: file('errors'),
    batchEvents,
  };
}
