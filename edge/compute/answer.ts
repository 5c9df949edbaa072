/** A result -> the answer in the form that was asked for: JSON, the bytes of one output, or events. */
import type { Output, Progress } from '../../shared/api/generate.ts';
import { toProblem } from '../../shared/api/problem.ts';
import { writeJson } from '../../shared/json.ts';
import { sha256 } from '../../shared/results/content.ts';
import { type Representation, represent, type Wanted } from '../accept.ts';
import { isKnown } from '../conditional.ts';
import type { Share } from '../dispatch/coalesce.ts';
import { answerOf } from '../headers.ts';
import { type EdgeContext, failureOf } from '../problems.ts';
import type { Services } from '../services.ts';
import { streamed } from '../streamed.ts';
import type { Answer } from './compute.ts';
import { CHARGED_HEADER } from './pay.ts';
import type { Wish } from './task.ts';

/** An answer as its caller sees it. */
export interface Seen extends Answer<object> {
  /** The one output whose bytes may be the answer. */
  readonly single?: Output | undefined;
  /** Headers that say where it comes from. */
  readonly provenance: Readonly<Record<string, string>>;
  /** Whether links are in it, which hold for a while: then it is an answer of this moment. */
  readonly hasLinks?: boolean;
  /** Charges it, since it is going to be answered. @returns what was charged */
  readonly charge?: (() => string | undefined) | undefined;
}

/** The answer as the caller wants it, and whether he has it already. */
interface Represented {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Record<string, string>;
  readonly isKnown: boolean;
}

/** A body that answers may have, and its strong etag. */
interface Formed extends Representation {
  readonly etag: string;
}

/** What is answered again and again has few forms; whoever asks for many others has each made anew. */
const MOST_FORMS = 4;
/** What a body is made of -> form that was wanted -> the body. It is forgotten with the result that it is made of. */
const formed = new WeakMap<object, Map<string, Formed>>();

async function formOf(result: object, single: Output | undefined, wanted: Wanted): Promise<Formed> {
  const source = wanted.kind === 'bytes' && single && !wanted.orJson ? single : result;
  const name = JSON.stringify(wanted);
  const forms = formed.get(source) ?? new Map<string, Formed>();
  const known = forms.get(name);
  if (known) return known;
  const { body, contentType } = await represent(result, single, wanted);
  const made = { body, contentType, etag: `"${await sha256(body)}"` };
  if (forms.size < MOST_FORMS) forms.set(name, made);
  formed.set(source, forms);
  return made;
}

async function representAnswer(c: EdgeContext, wish: Wish, seen: Seen): Promise<Represented> {
  const { result, single, cacheStatus, ageSeconds, provenance, hasLinks = false } = seen;
  const { body, contentType, etag } = await formOf(result, single, wish.wanted);
  const isOfNow = hasLinks && contentType === 'application/json';
  const condition = c.req.header('if-none-match');
  return {
    body,
    headers: {
      'cache-status': cacheStatus,
      'content-type': contentType,
      ...(isOfNow ? { 'cache-control': 'no-store' } : { etag }),
      vary: 'accept, prefer',
      'x-4m-result': wish.key.id,
      ...provenance,
      ...(ageSeconds !== undefined && { age: String(Math.floor(ageSeconds)) }),
    },
    // `*` is for what was there before the request; what it has just made is news.
    isKnown:
      !isOfNow &&
      isKnown(condition, etag) &&
      (ageSeconds !== undefined || condition?.trim() !== '*'),
  };
}

function notModified(c: EdgeContext, { headers }: Represented): Response {
  const { 'content-type': _, ...rest } = headers;
  return answerOf(c, null, 304, rest);
}

/** The answer in one piece. @throws FailureError `not_acceptable` */
export async function answerWhole(c: EdgeContext, wish: Wish, seen: Seen): Promise<Response> {
  const represented = await representAnswer(c, wish, seen);
  if (represented.isKnown) return notModified(c, represented);
  const charged = seen.charge?.();
  if (charged !== undefined) represented.headers[CHARGED_HEADER] = charged;
  return answerOf(c, represented.body, 200, represented.headers);
}

/**
 * 304 when the caller has what is stored. A conditional request asks whether a copy still holds, which
 * it does: a result never changes. So `no-cache` does not compute it anew here.
 */
export async function answerKnown(
  c: EdgeContext,
  wish: Wish,
  stored: Seen,
): Promise<Response | undefined> {
  const represented = await representAnswer(c, wish, stored);
  return represented.isKnown ? notModified(c, represented) : undefined;
}

/** Where the events come from: a stored result, or a computation with its progress. */
export type EventSource =
  | { readonly kind: 'stored'; readonly answer: Pick<Answer<object>, 'result' | 'cacheStatus'> }
  | {
      readonly kind: 'computed';
      readonly share: Share<unknown, Progress>;
      /** The result as the caller sees it. */
      readonly result: Promise<object>;
    };

const statusOf = (source: EventSource): string => {
  if (source.kind === 'stored') return source.answer.cacheStatus;
  return `fourm-edge; fwd=miss${source.share.joined ? '; collapsed' : ''}`;
};

/** @param onLeft called when the caller goes away before the end */
export function answerEvents(
  c: EdgeContext,
  services: Pick<Services, 'logError'>,
  source: EventSource,
  onLeft: () => void,
): Response {
  c.header('cache-status', statusOf(source));
  c.header('content-type', 'text/event-stream');
  c.header('cache-control', 'no-store');
  return streamed(c, async (out) => {
    out.onAbort(onLeft);
    const send = async (event: string, value: unknown): Promise<void> => {
      const data = await writeJson(value);
      await out.write(`event: ${event}\ndata: `);
      await out.write(data);
      await out.write('\n\n');
    };
    try {
      if (source.kind === 'stored') return await send('result', source.answer.result);
      for await (const progress of source.share.events()) await send('progress', progress);
      await send('result', await source.result);
    } catch (error) {
      if (c.req.raw.signal.aborted) return;
      const failure = failureOf(error, services, c.get('requestId'));
      await send('problem', toProblem(failure, c.get('requestId'), c.req.path));
    }
  });
}
