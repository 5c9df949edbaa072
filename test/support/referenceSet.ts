/** A reference checkpoint served as a set: with a text tokenizer of as many words as its tables have. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportSet } from '../../worker/export/exportSet.ts';
import type { DemoSet } from './demoSet.ts';
import { temporaryFolder } from './exported.ts';

/** Special tokens as published, sentinels from 4 on, then words of no meaning. */
function tokenizerJson(vocabulary: number, sentinels: number): unknown {
  const special = [
    '[PAD]',
    '[UNK]',
    '[SOS]',
    '[EOS]',
    ...Array.from({ length: sentinels }, (_, k) => `[S_${k}]`),
  ];
  const words = Array.from({ length: vocabulary - special.length }, (_, i) => `word${i}`);
  const vocab = Object.fromEntries([...special, ...words].map((word, id) => [word, id]));
  return {
    added_tokens: special.map((content, id) => ({ id, content, special: true })),
    post_processor: null,
    normalizer: { type: 'BertNormalizer', lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab },
  };
}

/** @returns a folder that holds the set as its sub-folder `demo` */
export async function exportReferenceSet(
  weights: string,
  vocabulary: number,
  sentinels: number,
): Promise<DemoSet> {
  const folder = await temporaryFolder();
  const source = join(folder, 'source');
  await mkdir(source);
  await cp(weights, join(source, 'fm.safetensors'));
  await writeFile(
    join(source, 'tokenizer.json'),
    JSON.stringify(tokenizerJson(vocabulary, sentinels)),
  );
  const modelsFolder = join(folder, 'models');
  await mkdir(modelsFolder);
  await exportSet(source, join(modelsFolder, 'demo'), { id: 'demo' });
  return { modelsFolder, remove: () => rm(folder, { recursive: true, force: true }) };
}
