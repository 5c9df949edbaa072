/** Finds the text tokenizer of a model: one file, by the names it is known under. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenizerEntries, vocabularyProblem } from '../../shared/model/vocabulary.ts';
import { danglingLink } from '../safetensors/links.ts';
import type { Described } from './describe/describe.ts';
import { ExportError } from './errors.ts';

/** Its name in an exported folder, and the first one that is looked for. */
export const TEXT_TOKENIZER_FILE = 'tokenizer.json';

/** As the public 4M code names its own: `text_tokenizer_4m_wordpiece_30k.json`. */
const PUBLISHED_NAME = /^text_tokenizer.*\.json$/;

/**
 * @returns the tokenizer's path, or undefined where the folder has none
 * @throws ExportError `not_a_checkpoint` where several files could be meant, or the file is a link to nothing
 */
export async function findTextTokenizer(folder: string): Promise<string | undefined> {
  const names = (await readdir(folder)).sort();
  const known = names.filter((name) => PUBLISHED_NAME.test(name));
  const [found, ...others] = names.includes(TEXT_TOKENIZER_FILE) ? [TEXT_TOKENIZER_FILE] : known;
  if (found === undefined) return undefined;
  if (others.length > 0)
    throw new ExportError(
      'not_a_checkpoint',
      `${folder}: holds ${known.join(', ')}; rename the text tokenizer that is meant to ${TEXT_TOKENIZER_FILE}`,
    );
  const path = join(folder, found);
  const problem = await danglingLink(path);
  if (problem) throw new ExportError('not_a_checkpoint', `${path}: ${problem}`);
  return path;
}

/**
 * @param file a text tokenizer
 * @throws ExportError `vocabulary`, naming both numbers, where the model has no rows for some of its ids
 */
export async function assertVocabulary(file: string, described: Described): Promise<void> {
  if (described.kind !== 'fm' && described.kind !== 'fmvit') return;
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new ExportError('config', `${file}: the text tokenizer is not JSON`, { cause });
  }
  const problem = vocabularyProblem(tokenizerEntries(json), described.modalities);
  if (problem) throw new ExportError('vocabulary', `${file}: ${problem}`);
}
