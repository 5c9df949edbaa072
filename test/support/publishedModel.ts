/** A served model of published modalities without any graph: tokenizers are functions of the test. */

import { type VqConfig, vqConfigSchema } from '../../shared/model/config.ts';
import type { FmManifest } from '../../shared/model/manifest.ts';
import { type ModalityInfo, PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import type {
  GraphSession,
  LoadedModelSet,
  LoadedTokenizer,
  Tensor,
} from '../../worker/session/types.ts';
import { describeModel, type ServedModel } from '../../worker/tasks/servedModel.ts';
import type { TextTokenizer } from '../../worker/text/wordpiece.ts';
import { answeredBy } from './answeredBy.ts';

type Run = (feeds: Readonly<Record<string, Tensor>>) => Record<string, Tensor>;

const session = (run: Run): GraphSession => ({
  signature: { inputs: [], outputs: [] },
  run: async (feeds) => run(feeds),
  close: async () => {},
});

const refuse: Run = () => {
  throw new Error('this graph is not for this test');
};

export const ids = (dims: readonly number[], values: readonly number[]): Tensor => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});

/** A VQ tokenizer of the given config. */
export function fakeTokenizer(
  config: Partial<VqConfig>,
  { encode = refuse, decode = refuse }: { encode?: Run; decode?: Run },
): LoadedTokenizer {
  const complete = vqConfigSchema.parse({ enc_type: 'vit_b_enc', ...config });
  const manifest = { kind: 'vqvae', id: 'fake', config: complete, parameters: 0 };
  return {
    kind: 'vqvae',
    manifest: manifest as Extract<LoadedTokenizer, { kind: 'vqvae' }>['manifest'],
    encoder: session(encode),
    decoder: session(decode),
  };
}

/** Ids from 204 on for the words of the texts, in the order of their coming. */
export function wordTokenizer(): TextTokenizer {
  const words: string[] = [];
  const idOf = (word: string): number => {
    const gap = /^\[S_(\d+)\]$/.exec(word);
    if (gap) return 4 + Number(gap[1]);
    if (!words.includes(word)) words.push(word);
    return 204 + words.indexOf(word);
  };
  const encode = (text: string): number[] =>
    text
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(idOf);
  return {
    encode,
    tokenize: (text) => ({ ids: encode(text), unknown: [] }),
    gaps: 199,
    size: 30_000,
    decode: (tokens) => tokens.flatMap((id) => words[id - 204] ?? []).join(' '),
    specials: {
      pad: 0,
      eos: 3,
      sentinel: (k) => {
        if (k > 199) throw new Error(`there is no sentinel ${k}`);
        return 4 + k;
      },
      isSentinel: (id) => id >= 4 && id < 204,
    },
  };
}

/** All published modalities of 224 pixels, as inputs and, but for pixels and embeddings, as targets. */
export function fakeModel(
  tokenizers: Readonly<Record<string, LoadedTokenizer>> = {},
  further: Readonly<Record<string, ModalityInfo>> = {},
): ServedModel {
  const published = Object.entries(PUBLISHED_MODALITIES).filter(([name]) => !name.endsWith('@448'));
  const modalities = { ...Object.fromEntries(published), ...further };
  const names = Object.keys(modalities);
  const fm = {
    kind: 'fm',
    id: 'fake',
    precision: 'fp32',
    parameters: 0,
    modalities,
    config: {
      domains_in: names,
      domains_out: names.filter((name) => {
        const { pixels, type } = modalities[name]!;
        return !pixels && type !== 'seq_emb';
      }),
    },
  } as unknown as FmManifest;
  const set = { id: 'fake', digest: 'd', licence: 'none' } as LoadedModelSet['set'];
  const loaded = { fm, set, tokenizers } as unknown as LoadedModelSet;
  const scheduler = answeredBy(() => {
    throw new Error('nothing is generated in this test');
  });
  return {
    loaded,
    text: wordTokenizer(),
    description: describeModel(loaded),
    scheduler,
    close: async () => {},
  };
}
