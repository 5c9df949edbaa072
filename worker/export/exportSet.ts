/** A folder of checkpoints that belong together -> a folder that a worker loads as one model set. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { valueAt } from '../../shared/lookup.ts';
import type { Manifest, ModelSet, TokenizerManifest } from '../../shared/model/manifest.ts';
import { codebookProblem } from '../../shared/model/vocabulary.ts';
import { folderId, setMembers } from './checkpointFolder.ts';
import { ExportError } from './errors.ts';
import { type ExportOptions, exportCheckpoint } from './exportCheckpoint.ts';
import { writeFolder } from './files.ts';
import { findTextTokenizer, TEXT_TOKENIZER_FILE } from './textTokenizer.ts';
import { writeSet } from './writeSet.ts';

export interface ExportedSet {
  readonly set: ModelSet;
  /** Sub-folder -> manifest. */
  readonly members: Readonly<Record<string, Manifest>>;
}

const isTokenizer = (manifest: Manifest | undefined): manifest is TokenizerManifest =>
  manifest?.kind === 'vqvae' || manifest?.kind === 'divae';

/**
 * Exports `fm.safetensors`, every `tok_*.safetensors` and the text tokenizer of a folder. Each may be
 * sharded, as `STEM.safetensors.index.json` beside its shards.
 * @param folder must not exist; appears only when everything in it is complete
 * @param options the id and licence of the set, which its members inherit; without one the set has those of all of them
 * @throws ExportError, SafetensorsError, SessionError: each names the file and what is wrong with it
 */
export async function exportSet(
  sourceFolder: string,
  folder: string,
  options: ExportOptions = {},
): Promise<ExportedSet> {
  if (options.backbone || options.head !== undefined)
    throw new ExportError(
      'config',
      `${sourceFolder}: a set is served whole; a backbone is exported from one checkpoint`,
    );
  const source = resolve(sourceFolder);
  const files = setMembers(await readdir(source));
  if (!files.has('fm'))
    throw new ExportError('not_a_checkpoint', `${source}: fm.safetensors is missing`);
  const textTokenizer = await findTextTokenizer(source);
  if (textTokenizer === undefined)
    throw new ExportError('not_a_checkpoint', `${source}: ${TEXT_TOKENIZER_FILE} is missing`);
  const stems = [...files.keys()].filter((stem) => stem !== 'fm');
  const place = (stem: string) => join(source, valueAt(files, stem, source));
  const id = options.id ?? folderId(source);
  return writeFolder(resolve(folder), async (partial) => {
    const members: Record<string, Manifest> = {};
    for (const stem of ['fm', ...stems])
      members[stem] = await exportCheckpoint(place(stem), join(partial, stem), {
        ...options,
        id: `${id}/${stem}`,
        isMember: true,
      });
    if (members.fm?.kind !== 'fm')
      throw new ExportError('config', `${place('fm')}: not an FM checkpoint`);
    for (const stem of stems) {
      const member = members[stem];
      if (!isTokenizer(member)) throw new ExportError('config', `${place(stem)}: not a tokenizer`);
      const problem = codebookProblem(stem, member.config, members.fm.modalities);
      if (problem) throw new ExportError('vocabulary', `${place(stem)}: ${problem}`);
    }
    const set = await writeSet(partial, textTokenizer, {
      id,
      // What holds for one of them holds for all of it.
      licence: [...new Set(Object.values(members).map((member) => member.licence))].join(' AND '),
      fm: 'fm',
      tokenizers: Object.fromEntries(stems.map((stem) => [stem, stem])),
      digests: Object.values(members).map((member) => member.digest),
    });
    return { set, members };
  });
}
