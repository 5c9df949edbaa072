/** A folder of checkpoints that belong together -> a folder that a worker loads as one model set. */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Manifest, ModelSet } from '../../shared/model/manifest.ts';
import { ExportError } from './errors.ts';
import { type ExportOptions, exportCheckpoint } from './exportCheckpoint.ts';
import { exists, writeFolder } from './files.ts';
import { TEXT_TOKENIZER_FILE, writeSet } from './writeSet.ts';

export const FM_FILE = 'fm.safetensors';

export interface ExportedSet {
  readonly set: ModelSet;
  /** Sub-folder -> manifest. */
  readonly members: Readonly<Record<string, Manifest>>;
}

const isTokenizer = (manifest: Manifest | undefined): boolean =>
  manifest?.kind === 'vqvae' || manifest?.kind === 'divae';

/**
 * Exports `fm.safetensors`, every `tok_*.safetensors` and `tokenizer.json` of a folder.
 * @param folder must not exist; appears only when everything in it is complete
 * @param options the id and licence of the set, which its members inherit
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
  for (const file of [FM_FILE, TEXT_TOKENIZER_FILE])
    if (!(await exists(join(source, file))))
      throw new ExportError('not_a_checkpoint', `${source}: ${file} is missing`);
  const stems = (await readdir(source))
    .filter((file) => /^tok_.*\.safetensors$/.test(file))
    .map((file) => basename(file, '.safetensors'))
    .sort();
  const id = options.id ?? basename(source);
  return writeFolder(resolve(folder), async (partial) => {
    const members: Record<string, Manifest> = {};
    for (const stem of ['fm', ...stems])
      members[stem] = await exportCheckpoint(
        join(source, `${stem}.safetensors`),
        join(partial, stem),
        { ...options, id: `${id}/${stem}`, isMember: true },
      );
    if (members.fm?.kind !== 'fm')
      throw new ExportError('config', `${join(source, FM_FILE)}: not an FM checkpoint`);
    const misplaced = stems.find((stem) => !isTokenizer(members[stem]));
    if (misplaced !== undefined)
      throw new ExportError('config', `${join(source, misplaced)}.safetensors: not a tokenizer`);
    const set = await writeSet(partial, join(source, TEXT_TOKENIZER_FILE), {
      id,
      licence: options.licence ?? members.fm.licence,
      fm: 'fm',
      tokenizers: Object.fromEntries(stems.map((stem) => [stem, stem])),
      digests: Object.values(members).map((member) => member.digest),
    });
    return { set, members };
  });
}
