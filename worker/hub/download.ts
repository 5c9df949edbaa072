/**
 * One file from the hub, resumably: bytes go to `NAME.partial`, which a later attempt or a later run
 * continues, and which becomes NAME once its digest is right. The transfer is a request of our own,
 * as the package's blobs do not tell whether a server honoured a range.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileDownloadInfo } from '@huggingface/hub';
import { createHasher, type Hasher, hashFile, sizeOf } from './digest.ts';
import { HubError } from './errors.ts';
import type { Records } from './pulled.ts';
import type { RemoteFile } from './repository.ts';
import { fetchFor, type Hub, reasonOf, TransientError, withRetries } from './request.ts';

export type DownloadEvent =
  /** `from`: bytes that were there already. */
  | { readonly type: 'start'; readonly from: number }
  | { readonly type: 'bytes'; readonly done: number }
  | { readonly type: 'retry'; readonly problem: string; readonly wait: number };

export interface Destination {
  readonly folder: string;
  /** Of the finished file. */
  readonly name: string;
  readonly records: Records;
}

/** How far a file is: `offset` bytes of the version `etag` are written, and hashed. */
interface Progress {
  readonly etag: string;
  hasher: Hasher;
  offset: number;
}

/**
 * Downloads a file and verifies it.
 * @throws HubError `digest`, with the partial file removed; `network` and `disk`, with it kept;
 *   `access`, `not_found`, `response`
 */
export async function download(
  hub: Hub,
  remote: RemoteFile,
  destination: Destination,
  report: (event: DownloadEvent) => void,
): Promise<void> {
  const { repository, path } = remote;
  const { folder, name, records } = destination;
  const partial = join(folder, `${name}.partial`);
  let progress: Progress | undefined;
  let before = 0;
  const retries = {
    what: `${repository}: ${path}`,
    advice: `what arrived is kept in ${partial}, run again to go on`,
    progressed: () => (progress?.offset ?? 0) > before,
    onRetry: (problem: string, wait: number) => report({ type: 'retry', problem, wait }),
  };
  const complete = await withRetries(hub, retries, async () => {
    const { etag, url } = await resolve(hub, remote);
    progress ??= await startedEarlier(remote, etag, partial, records.partial(name));
    if (progress?.etag !== etag) {
      await records.begin(name, etag);
      progress = { etag, hasher: hasherOf(remote), offset: 0 };
    }
    before = progress.offset;
    report({ type: 'start', from: before });
    if (before < remote.size) await transfer(hub, remote, url, partial, progress, report);
    return progress;
  });
  const { sha256, actual } = complete.hasher.finish();
  if (actual.hex !== remote.digest.hex) {
    await rm(partial, { force: true });
    throw new HubError(
      'digest',
      `${repository}: ${path}: ${actual.algorithm} of what arrived is ${actual.hex}, the hub lists ${remote.digest.hex}; it was deleted`,
    );
  }
  await rename(partial, join(folder, name));
  await records.finish(name, {
    repository,
    revision: remote.revision,
    path,
    etag: complete.etag,
    size: remote.size,
    sha256,
    listed: remote.digest.hex,
  });
}

const hasherOf = ({ digest, size }: RemoteFile): Hasher => createHasher(digest.algorithm, size);

/** What an earlier run left, if it is the beginning of this very version. */
async function startedEarlier(
  remote: RemoteFile,
  etag: string,
  partial: string,
  recorded: string | undefined,
): Promise<Progress | undefined> {
  const offset = (await sizeOf(partial)) ?? 0;
  if (recorded !== etag || offset === 0 || offset > remote.size) return undefined;
  const hasher = hasherOf(remote);
  await hashFile(partial, hasher);
  return { etag, hasher, offset };
}

/** Where the file's bytes are now (addresses of content servers expire), and its version. */
async function resolve(hub: Hub, { repository, revision, path, size }: RemoteFile) {
  const info = await fileDownloadInfo({
    repo: { type: 'model', name: repository },
    path,
    revision,
    hubUrl: hub.endpoint,
    fetch: fetchFor({ repository, file: path }),
    ...(hub.token !== undefined && { accessToken: hub.token }),
  });
  if (!info) throw new HubError('not_found', `${repository}: ${path} is listed but not there`);
  if (info.size !== size)
    throw new HubError(
      'response',
      `${repository}: ${path} is listed with ${size} bytes and served with ${info.size}`,
    );
  return info;
}

/** Appends to the partial file. @throws TransientError where the connection ends early */
async function transfer(
  hub: Hub,
  remote: RemoteFile,
  url: string,
  partial: string,
  progress: Progress,
  report: (event: DownloadEvent) => void,
): Promise<void> {
  const silence = new AbortController();
  const timer = setTimeout(
    () => silence.abort(new Error(`no data for ${hub.patience / 1000} s`)),
    hub.patience,
  );
  let file: FileHandle | undefined;
  try {
    const response = await requestFrom(hub, remote, url, progress.offset, silence.signal);
    if (startOf(response) !== progress.offset) {
      progress.hasher = hasherOf(remote);
      progress.offset = 0;
      report({ type: 'start', from: 0 });
    }
    file = await open(partial, progress.offset === 0 ? 'w' : 'a');
    for await (const piece of piecesOf(response)) {
      timer.refresh();
      if (progress.offset + piece.length > remote.size)
        throw new HubError(
          'response',
          `${remote.repository}: ${remote.path} goes on after its ${remote.size} bytes`,
        );
      await write(file, piece, partial, remote.size - progress.offset);
      progress.hasher.update(piece);
      progress.offset += piece.length;
      report({ type: 'bytes', done: progress.offset });
    }
    if (progress.offset < remote.size)
      throw new TransientError(`it ended at byte ${progress.offset} of ${remote.size}`);
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

function requestFrom(
  { endpoint, token }: Hub,
  { repository, path }: RemoteFile,
  url: string,
  offset: number,
  signal: AbortSignal,
): Promise<Response> {
  // Content servers refuse a token that is not theirs, and it is not for them to know.
  const own = token !== undefined && new URL(url).origin === new URL(endpoint).origin;
  return fetchFor({ repository, file: path })(url, {
    signal,
    headers: {
      'accept-encoding': 'identity',
      ...(own && { authorization: `Bearer ${token}` }),
      ...(offset > 0 && { range: `bytes=${offset}-` }),
    },
  });
}

/** The first byte that an answer holds; 0 where the server sends everything in spite of a range. */
function startOf({ status, headers }: Response): number {
  if (status === 200) return 0;
  const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
  if (status !== 206 || start === undefined)
    throw new TransientError(`the server answered ${status} without the range asked for`);
  return Number(start);
}

async function* piecesOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  try {
    for (;;) {
      const next = await reader?.read();
      if (!next || next.done) return;
      yield next.value;
    }
  } catch (cause) {
    throw new TransientError(`the connection broke: ${reasonOf(cause)}`, { cause });
  } finally {
    // Where the consumer stops early, the server need not send the rest.
    await reader?.cancel().catch(() => undefined);
  }
}

async function write(
  file: FileHandle,
  piece: Uint8Array,
  name: string,
  missing: number,
): Promise<void> {
  try {
    await file.writeFile(piece);
  } catch (cause) {
    throw diskError(name, missing, cause);
  }
}

/** @param missing bytes that were still to be written */
function diskError(name: string, missing: number, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new HubError(
        'disk',
        `${name}: the disk is full with ${missing} bytes to go; what is there is kept, make room and run again`,
        { cause },
      )
    : new HubError('disk', `${name}: cannot be written: ${reasonOf(cause)}`, { cause });
}
