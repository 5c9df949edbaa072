/** What routes of collections have in common: whose they are, which one is named, and who does the work. */
import type * as z from 'zod';
import {
  collectionNameSchema,
  itemIdSchema,
  pageSizeSchema,
} from '../../shared/api/collections.ts';
import type { CollectionOperation } from '../../shared/api/collectionWork.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Files } from '../body/files.ts';
import { collectionTask } from '../dispatch/tasks.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';

export interface WorkOptions {
  /** What makes vectors of inputs. */
  readonly model?: string | undefined;
  readonly files?: Files;
}

/** @throws FailureError as the operation, and as the dispatcher */
export async function askCollections<T>(
  c: EdgeContext,
  { dispatcher }: Services,
  operation: CollectionOperation,
  answer: z.ZodType<T>,
  { model, files }: WorkOptions = {},
): Promise<T> {
  const request = {
    request_id: c.get('requestId'),
    tenant: tenantOf(c),
    ...(model !== undefined && { model }),
    operation,
  };
  const signal = c.req.raw.signal;
  const how = {
    traceparent: c.get('traceparent'),
    turn: c.get('turn'),
    signal,
    ...(files && { files }),
  };
  return await dispatcher.run(collectionTask(answer), request, how);
}

/** The collection of the address. @throws FailureError `unknown_collection` for what can be no name */
export function nameOf(c: EdgeContext): string {
  const name = c.req.param('name') ?? '';
  if (collectionNameSchema.safeParse(name).success) return name;
  throw refusal('unknown_collection', `there is no collection ${shorten(name)}`);
}

/** The item of the address. @throws FailureError `unknown_item` for what can be no id */
export function itemIdOf(c: EdgeContext): string {
  const id = c.req.param('id') ?? '';
  if (itemIdSchema.safeParse(id).success) return id;
  throw refusal('unknown_item', `the collection has no item ${shorten(id)}`);
}

const MOST_AFTER = 256;

/** The page that a query asks for. @throws FailureError `invalid_request` */
export function pageOf(c: EdgeContext): { readonly limit: number; readonly after?: string } {
  const { limit: text, after } = c.req.query();
  const number = text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : text;
  const parsed = pageSizeSchema.safeParse(number);
  if (!parsed.success) {
    const detail = 'limit must be a whole number from 1 to 1000';
    throw refusal('invalid_request', detail, pointerTo('limit'));
  }
  if (after !== undefined && (after === '' || after.length > MOST_AFTER)) {
    const detail = `after must have 1 to ${MOST_AFTER} characters`;
    throw refusal('invalid_request', detail, pointerTo('after'));
  }
  return { limit: parsed.data, ...(after !== undefined && { after }) };
}
