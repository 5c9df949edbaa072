/** Repositories of the hub -> a folder that `npm run export` takes, as a checkpoint or as a set. */
import { mkdir, readFile, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { itemAt } from '../../shared/lookup.ts';
import { claimed } from './claim.ts';
import { createHasher, hashFile, sizeOf } from './digest.ts';
import { type DownloadEvent, download } from './download.ts';
import { HubError } from './errors.ts';
import type { Preset } from './presets.ts';
import { openRecords, type Records } from './pulled.ts';
import { isIndex, isSafetensors, listRepository, type RemoteFile } from './repository.ts';
import type { Hub } from './request.ts';
import { pullTextTokenizer, type TextTokenizerSource } from './textTokenizer.ts';

export type PullEvent =
  /** What is about to be fetched, and how much of it is not there. */
  { readonly type: 'plan'; readonly files: number; readonly bytes: number } | FileEvent;
export type FileEvent = { readonly file: string; readonly size: number } & (
  | DownloadEvent
  /** Already there and the same. */
  | { readonly type: 'skipped' }
  | { readonly type: 'finished' }
);
export type Report = (event: PullEvent) => void;

/** A file and the name it gets. */
interface Item {
  readonly remote: RemoteFile;
  readonly name: string;
}

export interface PulledFolder {
  readonly folder: string;
  /** The checkpoint to export: a file of the folder, or the folder itself where it is a set. */
  readonly checkpoint: string;
}

/**
 * Pulls the wanted files of one repository under their own names.
 * @throws HubError
 */
export async function pullRepository(
  hub: Hub,
  repository: string,
  revision: string,
  folder: string,
  report: Report,
): Promise<PulledFolder> {
  const files = await listRepository(hub, repository, revision);
  const items = files.map((remote) => ({ remote, name: remote.path }));
  const ordered = [...items].sort(
    (a, b) => Number(isSafetensors(a.remote)) - Number(isSafetensors(b.remote)),
  );
  await makeFolder(folder);
  await claimed(folder, () => pullItems(hub, ordered, folder, report));
  const models = files.filter((file) => isIndex(file) || isSafetensors(file));
  const main =
    models.find(({ path }) => path === 'model.safetensors') ??
    models.find(isIndex) ??
    (models.length === 1 ? models[0] : undefined);
  return { folder, checkpoint: main === undefined ? folder : join(folder, main.path) };
}

/**
 * Pulls a complete set: `fm.safetensors`, a file for each tokenizer, their configs and licences under
 * the same stems, and `tokenizer.json`.
 * @throws HubError
 */
export async function pullSet(
  hub: Hub,
  preset: Preset,
  revision: string,
  folder: string,
  textTokenizer: TextTokenizerSource,
  report: Report,
): Promise<PulledFolder> {
  const items: Item[] = [];
  for (const [stem, repository] of Object.entries({ fm: preset.fm, ...preset.tokenizers }))
    items.push(...memberItems(stem, repository, await listRepository(hub, repository, revision)));
  await makeFolder(folder);
  await claimed(folder, async () => {
    const fetched = await pullTextTokenizer(hub, textTokenizer, folder, 'tokenizer.json');
    const size = (await sizeOf(join(folder, 'tokenizer.json'))) ?? 0;
    report({ file: 'tokenizer.json', size, type: fetched ? 'finished' : 'skipped' });
    await pullItems(hub, items, folder, report);
  });
  return { folder, checkpoint: folder };
}

/** Several checkpoints share the folder, so each file takes the stem of its own. */
function memberItems(stem: string, repository: string, files: readonly RemoteFile[]): Item[] {
  const models = files.filter(isSafetensors);
  const model =
    models.find(({ path }) => path === 'model.safetensors') ?? itemAt(models, 0, repository);
  if (model.path !== 'model.safetensors' && (models.length > 1 || files.some(isIndex)))
    throw new HubError(
      'not_a_checkpoint',
      `${repository}: a set is made of single files, and this one is in ${models.length} parts; pull and export it alone`,
    );
  const beside = files
    .filter(({ path }) => /^(config\.json|LICEN[CS]E.*|README\.md)$/i.test(path))
    .map((remote) => ({ remote, name: `${stem}.${remote.path}` }));
  return [...beside, { remote: model, name: `${stem}.safetensors` }];
}

async function pullItems(
  hub: Hub,
  items: readonly Item[],
  folder: string,
  report: Report,
): Promise<void> {
  const records = await openRecords(folder);
  await records.forgetOthers(items.map(({ name }) => name));
  const missing: Item[] = [];
  for (const item of items) {
    const { remote, name } = item;
    if (await isThere(item, folder, records))
      report({ file: name, size: remote.size, type: 'skipped' });
    else missing.push(item);
  }
  const bytes = await assertRoom(folder, missing);
  report({ type: 'plan', files: missing.length, bytes });
  for (const { remote, name } of missing) {
    const { size } = remote;
    await download(hub, remote, { folder, name, records }, (event) =>
      report({ file: name, size, ...event }),
    );
    report({ file: name, size, type: 'finished' });
  }
  for (const { remote, name } of items)
    if (isIndex(remote)) await assertShards(folder, name, items);
}

/** The record tells, or the contents do where the file is not as it was recorded. */
async function isThere({ remote, name }: Item, folder: string, records: Records): Promise<boolean> {
  const place = join(folder, name);
  if ((await sizeOf(place)) !== remote.size) return false;
  const record = records.file(name);
  const { hex, algorithm } = remote.digest;
  if (record?.modified === (await stat(place)).mtimeMs) return record.listed === hex;
  const hasher = createHasher(algorithm, remote.size);
  await hashFile(place, hasher);
  const { sha256, actual } = hasher.finish();
  if (actual.hex !== hex) return false;
  const { repository, revision, path, size } = remote;
  await records.finish(name, { repository, revision, path, etag: hex, size, sha256, listed: hex });
  return true;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new HubError('disk', `${folder}: cannot be made a folder`, { cause });
  }
}

/**
 * @returns bytes that are to be written
 * @throws HubError `disk` before the first of them, where it is clear that they do not fit
 */
async function assertRoom(folder: string, items: readonly Item[]): Promise<number> {
  let needed = 0;
  for (const { remote, name } of items)
    needed += remote.size - ((await sizeOf(join(folder, `${name}.partial`))) ?? 0);
  const { blocks, bavail, bsize } = await statfs(folder);
  // Some network file systems do not tell.
  if (blocks > 0 && needed > bavail * bsize)
    throw new HubError(
      'disk',
      `${resolve(folder)}: ${needed} bytes are to be written, ${bavail * bsize} are free`,
    );
  return needed;
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/** @throws HubError where a part that the index names is not among the files */
async function assertShards(folder: string, index: string, items: readonly Item[]): Promise<void> {
  const parsed = indexSchema.safeParse(
    JSON.parse(await readFile(join(folder, index), 'utf8').catch(() => 'null')),
  );
  if (!parsed.success)
    throw new HubError('not_a_checkpoint', `${join(folder, index)}: has no weight_map`);
  const names = new Set(items.map(({ name }) => name));
  const lost = Object.values(parsed.data.weight_map).find((shard) => !names.has(shard));
  if (lost !== undefined)
    throw new HubError(
      'not_a_checkpoint',
      `${join(folder, index)}: names ${lost}, which the repository does not have`,
    );
}
