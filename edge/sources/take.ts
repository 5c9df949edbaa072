/** One upload or address -> a file of the request: in the store that workers share, or held by this edge. */
import type { Source } from '../../shared/api/inputs.ts';
import { FailureError, refusal } from '../../shared/api/problem.ts';
import {
  type Sources,
  storedInput,
  type TakeInputRequest,
  type TakenInput,
} from '../../shared/api/takeInput.ts';
import { fromBase64 } from '../../shared/base64.ts';
import { present } from '../../shared/lookup.ts';
import { keptKey } from '../../shared/uploads/kept.ts';
import { type InputBytes, readUpload } from '../../shared/uploads/readUpload.ts';
import { decodeBase64 } from '../body/base64.ts';
import type { Files } from '../body/files.ts';
import { TAKE_INPUT } from '../dispatch/tasks.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { withUploads } from '../uploads/store.ts';

export interface Taken {
  /** What stands for the file in the request. */
  readonly name: string;
  readonly is: Sources[string];
}

export interface TakeOptions {
  readonly files: Files;
  /** Bytes of one file at most. */
  readonly most: number;
  /** Called with the bytes of each file. @throws FailureError where it is too much */
  readonly count: (bytes: number) => void;
}

/** Failures of a worker that looks for an upload in a store that it does not share. */
const NOT_FOUND: readonly string[] = ['unknown_upload', 'upload_waiting'];

/** Takes a source in. @throws FailureError for what is wrong with it, as a worker tells it; the signal's reason */
export type Take = (source: Source, signal: AbortSignal) => Promise<Taken>;

export function createTake(c: EdgeContext, services: Services, options: TakeOptions): Take {
  const { dispatcher, store, uploads } = services;
  const tenant = tenantOf(c);
  const { files, most, count } = options;

  const ask = async (source: Source, keep: boolean, signal: AbortSignal): Promise<TakenInput> => {
    const asked = { request_id: c.get('requestId'), tenant, source, most, keep };
    const request: TakeInputRequest = asked;
    return await dispatcher.run(TAKE_INPUT, request, { traceparent: c.get('traceparent'), signal });
  };

  /** Bytes that this edge holds itself, since workers cannot have them from the store. */
  function hold({ bytes, sha256, content_type }: InputBytes): Taken {
    count(bytes.length);
    return { name: files.add(bytes), is: { sha256, size: bytes.length, content_type } };
  }

  const readHere = async (id: string): Promise<Taken> =>
    hold(await withUploads(services, 'read', () => readUpload(uploads, { tenant, id }, most)));

  /** Whether bytes that a worker has kept lie in the store of this edge. */
  const isHere = (digest: string): Promise<boolean> =>
    withUploads(services, 'read', async () => {
      const info = await store.blobs.info(keptKey('inputs', tenant, digest));
      return info !== undefined;
    });

  async function use(taken: TakenInput): Promise<Taken> {
    const { sha256, size, content_type, data, head, width, height } = taken;
    if (data !== undefined) {
      const bytes = await decodeBase64(new TextEncoder().encode(data));
      return hold({ bytes: present(bytes, 'the bytes of an input'), sha256, content_type });
    }
    count(size);
    const place = storedInput(tenant, sha256);
    const name = files.addStored({ place, sha256, head: fromBase64(head), width, height });
    return { name, is: { sha256, size, content_type } };
  }

  async function takeUpload(source: Source & { upload: string }, signal: AbortSignal) {
    const id = source.upload;
    const name = { tenant, id };
    if (!(await withUploads(services, 'read', () => uploads.find(name))))
      throw refusal('unknown_upload', `there is no upload ${id}`);
    try {
      return await ask(source, true, signal);
    } catch (error) {
      if (error instanceof FailureError && NOT_FOUND.includes(error.failure.code)) return undefined;
      throw error;
    }
  }

  return async (source, signal) => {
    const isShared = store.kind !== 'memory';
    if ('upload' in source) {
      const taken = isShared ? await takeUpload(source, signal) : undefined;
      const isUsable = taken && (taken.data !== undefined || (await isHere(taken.sha256)));
      return isUsable ? await use(taken) : await readHere(source.upload);
    }
    const taken = await ask(source, isShared, signal);
    const isUsable = taken.data !== undefined || (await isHere(taken.sha256));
    return await use(isUsable ? taken : await ask(source, false, signal));
  };
}
