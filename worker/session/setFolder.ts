/** A folder of models that are served together, read without loading anything: what it says of itself. */
import { dirname, join } from 'node:path';
import { fieldOf } from '../../shared/lookup.ts';
import {
  graphFilesOf,
  type Manifest,
  type ModelSet,
  modelSetSchema,
  type TokenizerManifest,
  type TrunkManifest,
  tokenizerManifestSchema,
  trunkManifestSchema,
} from '../../shared/model/manifest.ts';
import { inside, readJson } from './folderFiles.ts';

/** A member with the folder of its own, as an absolute path. */
export interface SetMember<M extends Manifest> {
  readonly home: string;
  readonly manifest: M;
}

export interface SetFolder {
  readonly folder: string;
  /** The folder without links on the way, as members' homes are. */
  readonly home: string;
  readonly set: ModelSet;
  readonly fm: SetMember<TrunkManifest>;
  /** By the stem that `ModalityInfo.tokenizer` names. */
  readonly tokenizers: Readonly<Record<string, SetMember<TokenizerManifest>>>;
}

/** @throws SessionError naming the file, field or path that is wrong */
export async function readSetFolder(folder: string): Promise<SetFolder> {
  const set: ModelSet = await readJson(folder, 'set.json', modelSetSchema);
  const homeOf = async (path: string) => dirname(await inside(folder, join(path, 'model.json')));
  const fmHome = await homeOf(set.fm);
  const fm: TrunkManifest = await readJson(fmHome, 'model.json', trunkManifestSchema);
  const tokenizers: Record<string, SetMember<TokenizerManifest>> = {};
  for (const [stem, path] of Object.entries(set.tokenizers)) {
    const home = await homeOf(path);
    const manifest: TokenizerManifest = await readJson(home, 'model.json', tokenizerManifestSchema);
    tokenizers[stem] = { home, manifest };
  }
  const home = dirname(await inside(folder, 'set.json'));
  return { folder, home, set, fm: { home: fmHome, manifest: fm }, tokenizers };
}

export const membersOf = ({ fm, tokenizers }: SetFolder): readonly SetMember<Manifest>[] => [
  fm,
  ...Object.values(tokenizers),
];

/** Names of the files that a member's `model.json` speaks of, in the order of its digest. */
export const filesOf = (manifest: Manifest): readonly string[] => [
  ...graphFilesOf(manifest).map(({ file }) => file),
  ...manifest.weights,
];

/** Paths of all files of a set, with links on the way: what these lead to may become another file. */
export function linkedPaths({ folder, set, fm, tokenizers }: SetFolder): string[] {
  const members: (readonly [path: string, Manifest])[] = [[set.fm, fm.manifest]];
  for (const [stem, { manifest }] of Object.entries(tokenizers))
    members.push([fieldOf(set.tokenizers, stem, 'the tokenizers of the set'), manifest]);
  const own = ['set.json', ...(set.text_tokenizer === undefined ? [] : [set.text_tokenizer])];
  const others = members.flatMap(([path, manifest]) =>
    ['model.json', ...filesOf(manifest)].map((name) => join(path, name)),
  );
  return [...own, ...others].map((name) => join(folder, name));
}

/** Absolute paths of all files of a set. @throws SessionError where one is missing or lies outside */
export async function setFiles(read: SetFolder): Promise<string[]> {
  const { folder, set } = read;
  const files = [await inside(folder, 'set.json')];
  if (set.text_tokenizer !== undefined) files.push(await inside(folder, set.text_tokenizer));
  for (const { home, manifest } of membersOf(read))
    for (const name of ['model.json', ...filesOf(manifest)]) files.push(await inside(home, name));
  return files;
}
