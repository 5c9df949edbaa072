/** The models of a folder: each sub-folder with a `set.json`. */
import { createHash } from 'node:crypto';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Model } from '../../shared/api/models.ts';
import type { Device } from '../session/devices.ts';
import { loadBackbone } from '../session/loadBackbone.ts';
import { loadEncoder } from '../session/loadEncoder.ts';
import { loadModelSet } from '../session/loadModels.ts';
import {
  linkedPaths,
  membersOf,
  readSetFolder,
  type SetFolder,
  setFiles,
} from '../session/setFolder.ts';
import { SessionError } from '../session/types.ts';
import {
  type DescribedSet,
  describeEncoder,
  describeModel,
  type Served,
  serveBackbone,
  serveEncoder,
  serveModel,
} from '../tasks/servedModel.ts';
import { assertContents, type Checked } from './contents.ts';
import { memoryOf, type Parts, sizedMembers } from './memory.ts';
import type { Fault, Offer, OfferSource } from './offer.ts';

export interface OpenOptions {
  /** CPU threads of a model; the runtime's own choice when left out. */
  readonly threads?: number | undefined;
  readonly device: Device;
  /** Of models that generate: all, or the encoder alone. */
  readonly parts?: Parts | undefined;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Size, place and time of each file: another text when one was written, replaced or removed. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    files.map(async (file) => {
      const { size, ino, mtimeMs } = await stat(file);
      return `${file} ${size} ${ino} ${mtimeMs}`;
    }),
  );
  return stamps.join('\n');
}

/** What the descriptions say, and how the files stand. */
async function versionOf(set: SetFolder): Promise<string> {
  const homes = [join(set.folder, 'set.json')];
  for (const { home } of membersOf(set)) homes.push(join(home, 'model.json'));
  const texts = await Promise.all(homes.map((file) => readFile(file, 'utf8')));
  return hash([...texts, await stampOf(linkedPaths(set))].join('\n'));
}

/** What a set says of itself, with the parts of it that are loaded. */
export const describedParts = (set: DescribedSet, parts: Parts | undefined): Model =>
  parts === 'encoder' && set.fm.kind === 'fm' ? describeEncoder(set) : describeModel(set);

/** @throws SessionError naming what is wrong with the folder */
export async function folderOffer(
  folder: string,
  options: OpenOptions,
  checked: Checked = 'changed',
): Promise<Offer> {
  const read = await readSetFolder(folder);
  await setFiles(read);
  return {
    description: describedParts({ ...read, fm: read.fm.manifest }, options.parts),
    bytes: memoryOf(await sizedMembers(read), options.device, options.parts),
    origin: folder,
    version: await versionOf(read),
    open: (signal) => openFolder(folder, options, signal, checked),
  };
}

async function load(
  folder: string,
  { fm }: SetFolder,
  { device, threads, parts }: OpenOptions,
  signal: AbortSignal,
): Promise<Served> {
  const how = { device, signal, ...(threads !== undefined && { threads }) };
  if (fm.manifest.kind === 'fmvit') return await serveBackbone(await loadBackbone(folder, how));
  if (parts === 'encoder') return await serveEncoder(await loadEncoder(folder, how));
  return await serveModel(await loadModelSet(folder, how));
}

/** @throws SessionError where the files are not those of the export, cannot be loaded, or changed meanwhile */
export async function openFolder(
  folder: string,
  options: OpenOptions,
  signal: AbortSignal,
  checked: Checked = 'changed',
): Promise<Served> {
  const set = await readSetFolder(folder);
  const files = linkedPaths(set);
  const before = await stampOf(files);
  await assertContents(set, signal, checked);
  const model = await load(folder, set, options, signal);
  // Graphs of two versions would answer under the digest of one.
  if ((await stampOf(files).catch(() => '')) === before) return model;
  await model.close();
  throw new SessionError(`${folder}: its files were changed while they were loaded`);
}

/** Sub-folders that hold a `set.json`, in order of name. */
async function findSets(modelsFolder: string): Promise<string[]> {
  const entries = await readdir(modelsFolder).catch((cause: unknown) => {
    throw new Error(`FOURM_MODELS_DIR: the folder ${modelsFolder} cannot be read`, { cause });
  });
  const found: string[] = [];
  for (const entry of entries.sort()) {
    // What is under way, or was killed, is written under such a name.
    if (entry.includes('.partial-')) continue;
    const folder = join(modelsFolder, entry);
    const isSet = await access(join(folder, 'set.json')).then(
      () => true,
      () => false,
    );
    if (isSet) found.push(folder);
  }
  return found;
}

/**
 * Remembers what it has read: a folder whose files stand as before is not read again.
 * @param only names of sub-folders, where not all are meant
 */
export function folderSource(
  modelsFolder: string,
  options: OpenOptions,
  only?: readonly string[],
): OfferSource {
  const known = new Map<
    string,
    { readonly offer: Offer; readonly stamp: string; files: string[] }
  >();

  async function offerOf(folder: string): Promise<Offer> {
    const before = known.get(folder);
    if (before && (await stampOf(before.files).catch(() => '')) === before.stamp)
      return before.offer;
    const read = await readSetFolder(folder);
    const files = linkedPaths(read);
    await setFiles(read);
    const stamp = await stampOf(files);
    // Files under a description that stays are others, however old they are.
    const isTold = before?.offer.description.digest === read.set.digest;
    const offer = await folderOffer(folder, options, isTold ? 'all' : 'changed');
    known.set(folder, { offer, stamp, files });
    return offer;
  }

  return {
    emptiness: `FOURM_MODELS_DIR: no sub-folder of ${modelsFolder} holds a set.json`,
    async list() {
      const offers: Offer[] = [];
      const faults: Fault[] = [];
      const folders = (await findSets(modelsFolder)).filter(
        (folder) => only === undefined || only.includes(basename(folder)),
      );
      for (const folder of known.keys()) if (!folders.includes(folder)) known.delete(folder);
      for (const folder of folders) {
        try {
          offers.push(await offerOf(folder));
        } catch (error) {
          faults.push({ origin: folder, error });
        }
      }
      return { offers, faults };
    },
  };
}
