/**
 * The text tokenizer of a model set: one WordPiece vocabulary for all sequence modalities. The library
 * normalizes texts, splits them into words and joins tokens to texts. Added tokens are found here, because
 * the library ignores `single_word` and would find "apple" in "apples"; so are the pieces of words, because
 * the library does not tell which words it did not know.
 */
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import * as z from 'zod';
import type { SpecialTokens } from '../engine/spans.ts';
import { type AddedToken, type Split, splitter } from './addedTokens.ts';
import { pieceReader } from './pieces.ts';

/**
 * What added tokens mean in a text. In `format` each one is what it says: gaps, `v0=5`, class names. In
 * `plain` a person typed the text: gaps and class names are tokens, and everything else is words, `[EOS]`
 * and `v0=5` as well.
 */
export type Notation = 'format' | 'plain';

export interface TokenizedText {
  /** Those from the bound on are cut off: one more than the bound tells that there are more. */
  readonly ids: readonly number[];
  /** Words that the vocabulary lacks, normalized, in the order of their ids. */
  readonly unknown: readonly string[];
}

export interface TextTokenizer {
  /**
   * Ids of a text; nothing is appended.
   * @param most ids that are of use: the rest of a text that has more is not read
   */
  readonly tokenize: (text: string, notation: Notation, most?: number) => TokenizedText;
  /** Ids of a text in which every added token is what it says. */
  readonly encode: (text: string) => number[];
  /**
   * Text of ids, without the bracketed tokens ([EOS], [S_1] ...).
   * @param unknown words that the unknown ids stand for; of no use unless there are as many
   */
  readonly decode: (ids: readonly number[], unknown?: readonly string[]) => string;
  readonly specials: SpecialTokens;
  /** Names of gaps that the vocabulary has: [S_1] up to this number. */
  readonly gaps: number;
  /** Ids that the vocabulary has: each is below this number. */
  readonly size: number;
}

const tokenizerFileSchema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({
      id: z.number().int(),
      content: z.string().min(1),
      single_word: z.boolean().default(false),
      normalized: z.boolean().default(false),
    }),
  ),
  model: z.looseObject({
    type: z.literal('WordPiece'),
    vocab: z.record(z.string(), z.number().int().min(0)),
    unk_token: z.string().default('[UNK]'),
    continuing_subword_prefix: z.string().default('##'),
    max_input_chars_per_word: z.number().int().positive().default(100),
  }),
});
type TokenizerFile = z.infer<typeof tokenizerFileSchema>;

const SENTINEL = /^\[S_(\d+)\]$/;

function specialTokens(ids: ReadonlyMap<string, number>): SpecialTokens {
  const need = (content: string): number => {
    const id = ids.get(content);
    if (id === undefined) throw new Error(`text tokenizer: there is no token ${content}`);
    return id;
  };
  const sentinels = new Set(
    [...ids].flatMap(([content, id]) => (SENTINEL.test(content) ? [id] : [])),
  );
  return {
    pad: need('[PAD]'),
    eos: need('[EOS]'),
    sentinel: (k) => need(`[S_${k}]`),
    isSentinel: (id) => sentinels.has(id),
  };
}

/** How many gaps have names, from [S_1] on. */
function countGaps(ids: ReadonlyMap<string, number>): number {
  let gaps = 0;
  while (ids.has(`[S_${gaps + 1}]`)) gaps++;
  return gaps;
}

/** Words of a text as ids, in the library's normalization. */
function wordReader(file: TokenizerFile, unknownId: number) {
  const { added_tokens: added, model } = file;
  const library = new Tokenizer({ ...file, added_tokens: [] }, {});
  // Class names are pieces of longer words as well; nobody may write `[EOS]` as a word.
  const raw = new Set(added.flatMap(({ content, normalized }) => (normalized ? [] : [content])));
  const piecesOf = pieceReader({
    pieces: new Map(Object.entries(model.vocab).filter(([piece]) => !raw.has(piece))),
    prefix: model.continuing_subword_prefix,
    longest: model.max_input_chars_per_word,
  });
  const words = (text: string): readonly string[] =>
    library.pre_tokenizer?.pre_tokenize(text) ?? (text === '' ? [] : [text]);
  return {
    normalize: (text: string): string => library.normalizer?.normalize(text) ?? text,
    /** Adds the ids of a normalized text to those there are, until there are more than the bound. */
    read(text: string, ids: number[], unknown: string[], most: number): void {
      for (const word of words(text)) {
        if (ids.length > most) return;
        const pieces = piecesOf(word);
        if (!pieces) unknown.push(word);
        ids.push(...(pieces ?? [unknownId]));
      }
    },
  };
}

/**
 * Makes a tokenizer from the parsed `tokenizer.json`.
 * @throws Error naming what the file lacks
 */
export function createTextTokenizer(json: unknown): TextTokenizer {
  const parsed = tokenizerFileSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`text tokenizer: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { added_tokens: added, model } = parsed.data;
  const ids = new Map(added.map(({ content, id }) => [content, id]));
  const specials = specialTokens(ids);
  const complete = new Tokenizer(parsed.data, {});
  const unknownId = ids.get(model.unk_token) ?? model.vocab[model.unk_token];
  if (unknownId === undefined)
    throw new Error(`text tokenizer: there is no token ${model.unk_token}`);
  const reader = wordReader(parsed.data, unknownId);

  const isSentinel = ({ content }: AddedToken): boolean => SENTINEL.test(content);
  // A gap is one wherever it stands, also next to letters.
  const raw = added
    .filter((token) => !token.normalized)
    .map((token) => ({ ...token, single_word: token.single_word && !isSentinel(token) }));
  const splits: Readonly<Record<Notation, Split>> = {
    format: splitter(raw),
    plain: splitter(raw.filter(isSentinel)),
  };
  const normalizedSplit = splitter(added.filter((token) => token.normalized));
  const bracketed = new Set(
    added.flatMap(({ content, id }) => (/^\[[A-Z]+(_\d+)?\]$/.test(content) ? [id] : [])),
  );

  /** The text in order: added tokens as ids, and normalized text between them. */
  function* parts(text: string, notation: Notation): Generator<number | string> {
    for (const part of splits[notation](text)) {
      if (typeof part === 'number') yield part;
      else yield* normalizedSplit(reader.normalize(part));
    }
  }
  const tokenize: TextTokenizer['tokenize'] = (text, notation, most = Infinity) => {
    const found: number[] = [];
    const unknown: string[] = [];
    for (const part of parts(text, notation)) {
      if (found.length > most) break;
      if (typeof part === 'number') found.push(part);
      else reader.read(part, found, unknown, most);
    }
    return { ids: found.slice(0, most + 1), unknown };
  };
  const decodeKnown = (tokens: readonly number[]): string => {
    const shown = tokens.filter((id) => !bracketed.has(id));
    return shown.length === 0 ? '' : complete.decode(shown, { skip_special_tokens: false });
  };
  const decode: TextTokenizer['decode'] = (tokens, words = []) => {
    const places = tokens.flatMap((id, i) => (id === unknownId ? [i] : []));
    if (places.length !== words.length) return decodeKnown(tokens);
    const parts = [...places, tokens.length].flatMap((end, i) => [
      decodeKnown(tokens.slice(i === 0 ? 0 : (places[i - 1] ?? 0) + 1, end)),
      words[i] ?? '',
    ]);
    return parts.filter((part) => part !== '').join(' ');
  };
  return {
    tokenize,
    encode: (text) => [...tokenize(text, 'format').ids],
    decode,
    specials,
    gaps: countGaps(ids),
    size: 1 + Math.max(...ids.values(), ...Object.values(model.vocab)),
  };
}

/** Loads a Hugging Face `tokenizer.json`. */
export async function loadTextTokenizer(file: string): Promise<TextTokenizer> {
  return createTextTokenizer(JSON.parse(await readFile(file, 'utf8')));
}
