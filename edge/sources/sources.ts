/**
 * Inputs whose bytes the request does not hold: an upload, or an address. A worker takes the bytes in and says what
 * they are, so that a result's key stands on them, as if the request had held them. The edge itself fetches nothing.
 */
import { eachAtOnce, failureAt, together } from '../../shared/api/failures.ts';
import { type Hidden, type InputValue, type Source, sourceOf } from '../../shared/api/inputs.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import type { Sources } from '../../shared/api/takeInput.ts';
import { hiddenParts } from '../../shared/plan/names.ts';
import type { Files } from '../body/files.ts';
import { startDeadline } from '../deadline.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createTake, type Taken } from './take.ts';

type Inputs = Record<string, InputValue>;

/** Sources of one request. */
export interface RequestSources {
  /**
   * Inputs with a file in place of each upload and address.
   * @param at pointer of what holds them
   * @throws FailureError with the pointers of all that do not fit, below that of the holder
   */
  settle(inputs: Readonly<Inputs>, at?: string): Promise<Inputs>;
  /** The bytes that were found, by the pointer of their input. */
  found(): Sources;
  /** When its deadline began to count, by `performance.now()`. */
  readonly began: number;
}

/** Sources of a request at most, those that it names again not counted. */
const MOST_SOURCES = 64;
/** Sources of a request that are taken in at the same time. */
const AT_ONCE = 8;
/** Bytes of all sources of a request, as a multiple of what one body may have. */
const TOGETHER = 3;

/** Whether bytes of a value are elsewhere: its own, or those of a mask. */
const namesBytes = (value: InputValue): value is Exclude<InputValue, string> =>
  typeof value !== 'string' &&
  (sourceOf(value) !== undefined ||
    hiddenParts(value).some((part) => 'mask' in part && typeof part.mask !== 'string'));

/** Lets so many at once do their work, and the others wait. */
function createTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let left = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (left > 0) left--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The turn goes on to the next who waits.
      const next = waiting.shift();
      if (next) next();
      else left++;
    }
  };
}

/** An error as it is told of an input; that the time of the whole request is over is told of nothing else. */
const told = (error: unknown, at: string): unknown =>
  error instanceof FailureError && error.failure.code === 'deadline_exceeded'
    ? error
    : failureAt(error, at);

/** @param deadlineMs that the caller gives the request, from now */
export function createSources(
  c: EdgeContext,
  services: Services,
  files: Files,
  deadlineMs?: number,
): RequestSources {
  const most = services.config.FOURM_MAX_BODY_BYTES;
  const began = performance.now();
  const asked = new Map<string, Promise<Taken>>();
  const found: Record<string, Sources[string]> = {};
  let bytesTogether = 0;
  const take = createTake(c, services, {
    files,
    most,
    count(bytes) {
      bytesTogether += bytes;
      if (bytesTogether <= TOGETHER * most) return;
      const bound = TOGETHER * most;
      const detail = `uploads and addresses of a request have at most ${bound} bytes together`;
      throw refusal('too_large', detail);
    },
  });
  const inTurn = createTurns(AT_ONCE);

  async function takeInTime(source: Source): Promise<Taken> {
    const deadline = startDeadline(deadlineMs, began);
    try {
      return await take(source, AbortSignal.any([c.req.raw.signal, deadline.signal]));
    } finally {
      deadline.clear();
    }
  }

  function takeOnce(source: Source): Promise<Taken> {
    const key = 'upload' in source ? source.upload : source.url;
    const before = asked.get(key);
    if (before) return before;
    if (asked.size >= MOST_SOURCES) {
      const detail = `a request names at most ${MOST_SOURCES} uploads and addresses`;
      throw refusal('invalid_request', detail);
    }
    const taking = inTurn(() => takeInTime(source));
    asked.set(key, taking);
    return taking;
  }

  /** The file of a source. @param pointer of what was given so, below that of the holder */
  async function fileOf(source: Source, pointer: string, at: string): Promise<string> {
    try {
      const { name, is } = await takeOnce(source);
      found[at + pointer] = is;
      return name;
    } catch (error) {
      throw told(error, pointer + pointerTo('upload' in source ? 'upload' : 'url'));
    }
  }

  async function settleHidden(part: Hidden, pointer: string, at: string): Promise<Hidden> {
    if (!('mask' in part) || typeof part.mask === 'string') return part;
    return { ...part, mask: await fileOf(part.mask, pointer + pointerTo('mask'), at) };
  }

  async function settleOne(name: string, value: InputValue, at: string): Promise<InputValue> {
    if (!namesBytes(value)) return value;
    const pointer = pointerTo('inputs', name);
    const source = sourceOf(value);
    const given = source ? { data: await fileOf(source, pointer, at) } : value;
    if (!('hide' in value) || value.hide === undefined) return given;
    const { hide } = value;
    const place = pointer + pointerTo('hide');
    const hidden = Array.isArray(hide)
      ? await Promise.all(hide.map((part, i) => settleHidden(part, place + pointerTo(i), at)))
      : await settleHidden(hide, place, at);
    return { ...given, hide: hidden };
  }

  return {
    async settle(inputs, at = '') {
      const entries = Object.entries(inputs);
      const settled = await Promise.allSettled(
        entries.map(async ([name, value]) => [name, await settleOne(name, value, at)] as const),
      );
      const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      if (errors.length > 0) throw together(errors);
      return Object.fromEntries(
        settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
      );
    },
    found: () => found,
    began,
  };
}

/** Items with a file in place of each upload and address. @throws FailureError with the pointers of all that do not fit */
export const settleEach = <T extends { readonly inputs: Inputs; readonly at: string }>(
  items: readonly T[],
  sources: RequestSources,
): Promise<T[]> =>
  eachAtOnce(items, async (item) => {
    try {
      return { ...item, inputs: await sources.settle(item.inputs, item.at) };
    } catch (error) {
      throw told(error, item.at);
    }
  });

/** An answer that says which bytes addresses and uploads gave. */
export const withSources = <T extends object>(answer: T, sources: Sources | undefined): T =>
  sources && Object.keys(sources).length > 0 ? { ...answer, sources } : answer;
