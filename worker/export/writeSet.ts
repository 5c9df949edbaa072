/** `set.json`, by which a worker finds a model and what belongs to it. */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSet } from '../../shared/model/manifest.ts';
import { digestFiles, digestText } from './files.ts';
import { TEXT_TOKENIZER_FILE } from './textTokenizer.ts';

/** Copies the text tokenizer, where there is one, into the folder, and writes what the set consists of beside it. */
export async function writeSet(
  folder: string,
  textTokenizer: string | undefined,
  {
    digests,
    ...members
  }: Pick<ModelSet, 'id' | 'licence' | 'fm' | 'tokenizers'> & {
    readonly digests: readonly string[];
  },
): Promise<ModelSet> {
  const copy = join(folder, TEXT_TOKENIZER_FILE);
  if (textTokenizer !== undefined) await copyFile(textTokenizer, copy);
  const texts = textTokenizer === undefined ? [] : [await digestFiles([copy])];
  const set: ModelSet = {
    format: 1,
    ...members,
    ...(textTokenizer !== undefined && { text_tokenizer: TEXT_TOKENIZER_FILE }),
    digest: digestText([...digests, ...texts].join('\n')),
  };
  await writeFile(join(folder, 'set.json'), `${JSON.stringify(set, null, 2)}\n`);
  return set;
}
