/**
 * Inputs whose bytes the request does not hold: an upload, or an address. A worker takes the bytes in and says what
 * they are, so that a result's key stands on them, as if the request had held them. The edge itself fetches nothing.
 */
import { eachAtOnce, failureAt, together } from '../../shared/api/failures.ts';
import { type InputValue, type Source, sourceOf } from '../../shared/api/inputs.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import {
  type Sources,
  storedInput,
  type TakeInputRequest,
  type TakenInput,
} from '../../shared/api/takeInput.ts';
import { fromBase64 } from '../../shared/base64.ts';
import { arrayType, HEAD_BYTES, pictureType } from '../../shared/fileKinds.ts';
import { sha256 } from '../../shared/results/content.ts';
import { type Bytes, collect } from '../../shared/store/blobs.ts';
import { keptKey } from '../../shared/uploads/kept.ts';
import type { Files } from '../body/files.ts';
import { startDeadline } from '../deadline.ts';
import { TAKE_INPUT } from '../dispatch/tasks.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { TENANT } from '../tenant.ts';
import { whileStoreWorks } from '../uploads/store.ts';

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

interface Taken {
  /** What stands for the file in the request. */
  readonly name: string;
  readonly is: Sources[string];
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
  const { dispatcher, store, uploads, config } = services;
  const most = config.FOURM_MAX_BODY_BYTES;
  const began = performance.now();
  const asked = new Map<string, Promise<Taken>>();
  const found: Record<string, Sources[string]> = {};
  let bytesTogether = 0;
  let running = 0;
  const waiting: (() => void)[] = [];

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      return await work();
    } finally {
      running--;
      waiting.shift()?.();
    }
  }

  const ask = async (source: Source, keep: boolean): Promise<TakenInput> => {
    const given = { request_id: c.get('requestId'), tenant: TENANT, source, most, keep };
    const request: TakeInputRequest = given;
    const deadline = startDeadline(deadlineMs, began);
    const signal = AbortSignal.any([c.req.raw.signal, deadline.signal]);
    const how = { traceparent: c.get('traceparent'), signal };
    return await dispatcher.run(TAKE_INPUT, request, how).finally(deadline.clear);
  };

  function count(size: number): void {
    bytesTogether += size;
    if (bytesTogether <= TOGETHER * most) return;
    const detail = `uploads and addresses of a request have at most ${TOGETHER * most} bytes together`;
    throw refusal('too_large', detail);
  }

  /** Bytes that this edge holds itself, since workers cannot have them from the store. */
  async function hold(bytes: Bytes, digest: string, content_type: string): Promise<Taken> {
    count(bytes.length);
    return {
      name: files.add(bytes),
      is: { sha256: digest, size: bytes.length, content_type },
    };
  }

  /** The upload as this edge reads it itself. @throws FailureError as a worker would */
  async function readHere(id: string): Promise<Taken> {
    const opened = await whileStoreWorks(services, 'read', () =>
      uploads.open({ tenant: TENANT, id }),
    );
    if (opened === 'unknown') throw refusal('unknown_upload', `there is no upload ${id}`);
    if (opened === 'waiting')
      throw refusal('upload_waiting', `nothing has been sent to the upload ${id} yet`);
    const bytes = await collect(opened.bytes, most);
    if (!bytes) throw refusal('too_large', `an input has at most ${most} bytes`);
    const digest = await sha256(bytes);
    const { sha256: announced = digest } = opened.document;
    if (announced !== digest) {
      const detail = `the sha256 of the bytes is ${digest}, and ${announced} was announced`;
      throw refusal('upload_mismatch', detail);
    }
    const head = bytes.subarray(0, HEAD_BYTES);
    const type = pictureType(head) ?? arrayType(head);
    if (type === undefined) {
      const detail = 'the bytes are no PNG, JPEG or WebP picture, and no .npy or .safetensors file';
      throw refusal('unsupported_media_type', detail);
    }
    return await hold(bytes, digest, type);
  }

  /** Whether bytes that a worker has kept lie in the store of this edge. */
  const isHere = (digest: string): Promise<boolean> =>
    whileStoreWorks(services, 'read', async () => {
      const info = await store.blobs.info(keptKey('inputs', TENANT, digest));
      return info !== undefined;
    });

  async function take(source: Source): Promise<Taken> {
    const isShared = store.kind !== 'memory';
    if ('upload' in source && !isShared) return await readHere(source.upload);
    if ('upload' in source) {
      const name = { tenant: TENANT, id: source.upload };
      const document = await whileStoreWorks(services, 'read', () => uploads.find(name));
      if (!document) throw refusal('unknown_upload', `there is no upload ${source.upload}`);
    }
    let taken: TakenInput;
    try {
      taken = await ask(source, isShared);
    } catch (error) {
      // A worker without this store does not know the upload.
      const isUnknown =
        error instanceof FailureError &&
        (error.failure.code === 'unknown_upload' || error.failure.code === 'upload_waiting');
      if ('upload' in source && isUnknown) return await readHere(source.upload);
      throw error;
    }
    if (taken.data === undefined && !(await isHere(taken.sha256))) taken = await ask(source, false);
    const { sha256: digest, size, content_type, data, head, width, height } = taken;
    if (data !== undefined) return await hold(fromBase64(data), digest, content_type);
    count(size);
    const place = storedInput(TENANT, digest);
    const file = { place, sha256: digest, head: fromBase64(head), width, height };
    return { name: files.addStored(file), is: { sha256: digest, size, content_type } };
  }

  function takeOnce(source: Source): Promise<Taken> {
    const key = 'upload' in source ? source.upload : source.url;
    const before = asked.get(key);
    if (before) return before;
    if (asked.size >= MOST_SOURCES) {
      const detail = `a request names at most ${MOST_SOURCES} uploads and addresses`;
      throw refusal('invalid_request', detail);
    }
    const taking = inTurn(() => take(source));
    asked.set(key, taking);
    return taking;
  }

  async function settleOne(name: string, value: InputValue, at: string): Promise<InputValue> {
    const source = sourceOf(value);
    if (!source) return value;
    const field = 'upload' in source ? 'upload' : 'url';
    const pointer = pointerTo('inputs', name);
    const hide = typeof value === 'object' && 'hide' in value ? value.hide : undefined;
    try {
      const { name: data, is } = await takeOnce(source);
      found[at + pointer] = is;
      return { data, ...(hide !== undefined && { hide }) };
    } catch (error) {
      throw told(error, pointer + pointerTo(field));
    }
  }

  return {
    async settle(inputs, at = '') {
      const entries = Object.entries(inputs);
      if (!entries.some(([, value]) => sourceOf(value))) return { ...inputs };
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
