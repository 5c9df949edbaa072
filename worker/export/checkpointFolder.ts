/** From the path that a person gives to the checkpoint that is meant: a file, a folder, a cache of the hub. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pickleProblem } from '../safetensors/foreign.ts';
import { danglingLink } from '../safetensors/links.ts';
import { INDEX_ENDING } from '../safetensors/shardIndex.ts';
import { ExportError } from './errors.ts';

export type FoundCheckpoint =
  /** A folder whose models are exported together. */
  | { readonly kind: 'set'; readonly folder: string; readonly id: string }
  | { readonly kind: 'checkpoint'; readonly file: string; readonly id: string };

const ENDING = /\.safetensors(\.index\.json)?$/;
const WEIGHTS = '.safetensors';
const SHARD = /-\d{5}-of-\d{5}\.safetensors$/;
const SET_MEMBER = /^(fm|tok_.*)\.safetensors(\.index\.json)?$/;
const PICKLE = /\.(pth?|bin|ckpt|pkl)$/i;
/** Names of files that say nothing about the model inside. */
const ANY_MODEL = /^(model|fm|pytorch_model)(-converted)?$/;

/**
 * The id of a model by its folder. In the cache of the Hugging Face hub, `models--OWNER--NAME` and its
 * `snapshots/REVISION` both mean NAME.
 */
export function folderId(folder: string): string {
  const path = resolve(folder);
  const isSnapshot = basename(dirname(path)) === 'snapshots';
  const name = basename(isSnapshot ? dirname(dirname(path)) : path);
  return /^models--(?:.*--)?(.+)$/.exec(name)?.[1] ?? name;
}

/** The id of a model by its file: the file's own name, or the folder's where that name is anyone's. */
export function fileId(file: string): string {
  const stem = basename(file).replace(ENDING, '');
  return ANY_MODEL.test(stem) ? folderId(dirname(file)) || stem : stem;
}

/** @throws ExportError for what is not a checkpoint by its name, before anything of it is read */
export function refuseOtherFormats(file: string): void {
  if (PICKLE.test(file)) throw new ExportError('pickle', `${file}: ${pickleProblem(file)}`);
  if (!ENDING.test(file))
    throw new ExportError('not_a_checkpoint', `${file}: a .safetensors file is expected`);
}

/**
 * @param path a file of weights, the index of a sharded one, a folder with either, the folder of a set, or
 *   a folder of the hub's cache
 * @throws ExportError `not_a_checkpoint` or `pickle`, saying what the folder holds instead
 */
export async function findCheckpoint(path: string): Promise<FoundCheckpoint> {
  const problem = await danglingLink(path);
  if (problem) throw new ExportError('not_a_checkpoint', `${path}: ${problem}`);
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (cause: unknown) => {
      throw new ExportError('not_a_checkpoint', `${path}: there is no such file or folder`, {
        cause,
      });
    },
  );
  if (!isFolder) return { kind: 'checkpoint', file: path, id: fileId(path) };
  const folder = await snapshotOf(path);
  const names = (await readdir(folder)).sort();
  const id = folderId(path);
  if (setMembers(names).has('fm')) return { kind: 'set', folder, id };
  return { kind: 'checkpoint', file: join(folder, checkpointAmong(folder, names)), id };
}

/**
 * The members of a set's folder, by stem.
 * @param names the files of the folder
 * @returns stem -> file name; a sharded member is its index
 */
export function setMembers(names: readonly string[]): Map<string, string> {
  const members = new Map<string, string>();
  for (const name of [...names].sort()) {
    const stem = SET_MEMBER.exec(name)?.[1];
    if (stem !== undefined && !SHARD.test(name) && !members.has(stem)) members.set(stem, name);
  }
  return members;
}

/** The one checkpoint of a folder: `model.safetensors`, else an index of shards, else the only file there is. */
function checkpointAmong(folder: string, names: readonly string[]): string {
  const weights = names.filter((name) => name.endsWith(WEIGHTS));
  const indices = names.filter((name) => name.endsWith(INDEX_ENDING));
  if (weights.includes('model.safetensors')) return 'model.safetensors';
  const [found, ...others] = indices.length > 0 ? indices : weights;
  if (found !== undefined && others.length === 0) return found;
  if (found !== undefined)
    throw new ExportError(
      'not_a_checkpoint',
      `${folder}: holds ${[found, ...others].join(', ')}; give the one that is meant, or name them as a set (fm.safetensors, tok_*.safetensors)`,
    );
  const pickle = names.find((name) => PICKLE.test(name));
  if (pickle !== undefined) refuseOtherFormats(join(folder, pickle));
  throw new ExportError('not_a_checkpoint', `${folder}: holds no .safetensors file`);
}

/**
 * A repository in the hub's cache keeps each revision as a folder of links, and in `refs/main` which one
 * was fetched last. Any other folder is the one that is meant.
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */
async function snapshotOf(folder: string): Promise<string> {
  const snapshots = join(folder, 'snapshots');
  const revisions = await readdir(snapshots).catch(() => undefined);
  if (revisions === undefined) return folder;
  const main = await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => '');
  const [only, ...others] = revisions;
  const chosen = revisions.find((revision) => revision === main.trim());
  if (chosen !== undefined) return join(snapshots, chosen);
  if (only !== undefined && others.length === 0) return join(snapshots, only);
  throw new ExportError(
    'not_a_checkpoint',
    only === undefined
      ? `${snapshots}: holds no revision; fetch the repository again`
      : `${snapshots}: holds the revisions ${revisions.join(', ')}, and refs/main names none of them; give the folder of one`,
  );
}
