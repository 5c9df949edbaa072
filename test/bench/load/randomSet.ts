/** A model set of the size of 4M-B with random weights: a checkpoint and words for all of its ids. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../../../infra/stack.ts';
import type { Precision } from '../../../shared/model/precisions.ts';
import { exportSet } from '../../../worker/export/exportSet.ts';
import { FM_SIZES, writeSparseFm } from '../../support/sparseFm.ts';

export const RANDOM_MODEL = 'random-b';
const WORDS = 30_000;

interface TokenizerFile {
  readonly model: { readonly vocab: Record<string, number> };
}

/** The demo's tokenizer, with further words up to the vocabulary of the published models. */
async function words(): Promise<string> {
  const file = join(repositoryRoot, 'infra/demo/model/tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as TokenizerFile;
  const vocab = { ...tokenizer.model.vocab };
  for (let id = Object.keys(vocab).length; id < WORDS; id++) vocab[`word${id}`] = id;
  return JSON.stringify({ ...tokenizer, model: { ...tokenizer.model, vocab } });
}

/** Writes the checkpoint and exports it as a set. */
export async function exportRandomSet(modelsFolder: string, precision: Precision): Promise<void> {
  const source = join(modelsFolder, '..', 'random-source');
  await mkdir(source, { recursive: true });
  await writeSparseFm(join(source, 'fm.safetensors'), FM_SIZES.B, 'random');
  await writeFile(join(source, 'tokenizer.json'), await words());
  await mkdir(modelsFolder, { recursive: true });
  await exportSet(source, join(modelsFolder, RANDOM_MODEL), { id: RANDOM_MODEL, precision });
  await rm(source, { recursive: true });
}
