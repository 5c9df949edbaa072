/**
 * The text tokenizer of a model set: one WordPiece vocabulary for all sequence modalities. Words are the
 * library's; added tokens (sentinels, `v0=5`, class names) are split off here, because the library
 * ignores `single_word` and would find "apple" in "apples".
 */
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import * as z from 'zod';
import type { SpecialTokens } from '../engine/spans.ts';

export interface TextTokenizer {
  /** Ids of a text; nothing is appended. */
  readonly encode: (text: string) => number[];
  /** Text of ids, without the bracketed tokens ([EOS], [S_1] ...). */
  readonly decode: (ids: readonly number[]) => string;
  readonly specials: SpecialTokens;
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
  model: z.looseObject({ type: z.literal('WordPiece') }),
});
type AddedToken = z.infer<typeof tokenizerFileSchema>['added_tokens'][number];

const WORD = '[\\p{L}\\p{M}\\p{N}_]';
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Matches any of the tokens, longest first; undefined when there are none. */
function matcher(tokens: readonly AddedToken[]): RegExp | undefined {
  if (tokens.length === 0) return undefined;
  const alternatives = [...tokens]
    .sort((a, b) => b.content.length - a.content.length)
    .map(({ content, single_word }) =>
      single_word ? `(?<!${WORD})${escaped(content)}(?!${WORD})` : escaped(content),
    );
  return new RegExp(alternatives.join('|'), 'gu');
}

/** The text in order: added tokens as ids, what lies between them as text. */
function* splitBy(
  text: string,
  pattern: RegExp | undefined,
  ids: ReadonlyMap<string, number>,
): Generator<number | string> {
  let end = 0;
  for (const match of pattern ? text.matchAll(pattern) : []) {
    yield text.slice(end, match.index);
    yield ids.get(match[0])!;
    end = match.index + match[0].length;
  }
  yield text.slice(end);
}

function specialTokens(tokens: readonly AddedToken[]): SpecialTokens {
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  const need = (content: string): number => {
    const id = ids.get(content);
    if (id === undefined) throw new Error(`text tokenizer: there is no token ${content}`);
    return id;
  };
  const sentinels = new Set(
    tokens.flatMap(({ content, id }) => (/^\[S_\d+\]$/.test(content) ? [id] : [])),
  );
  return {
    pad: need('[PAD]'),
    eos: need('[EOS]'),
    sentinel: (k) => need(`[S_${k}]`),
    isSentinel: (id) => sentinels.has(id),
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
  const { added_tokens: added } = parsed.data;
  const specials = specialTokens(added);
  const words = new Tokenizer({ ...parsed.data, added_tokens: [] }, {});
  const complete = new Tokenizer(parsed.data, {});
  const ids = new Map(added.map(({ content, id }) => [content, id]));
  const raw = matcher(added.filter((token) => !token.normalized));
  const normalized = matcher(added.filter((token) => token.normalized));
  const bracketed = new Set(
    added.flatMap(({ content, id }) => (/^\[[A-Z]+(_\d+)?\]$/.test(content) ? [id] : [])),
  );

  const encodeWords = (text: string): number[] =>
    text.trim() === '' ? [] : words.encode(text, { add_special_tokens: false }).ids;
  const encode = (text: string): number[] =>
    [...splitBy(text, raw, ids)].flatMap((part) => {
      if (typeof part === 'number') return [part];
      const normal = words.normalizer?.normalize(part) ?? part;
      return [...splitBy(normal, normalized, ids)].flatMap((piece) =>
        typeof piece === 'number' ? [piece] : encodeWords(piece),
      );
    });
  const decode = (tokens: readonly number[]): string => {
    const shown = tokens.filter((id) => !bracketed.has(id));
    return shown.length === 0 ? '' : complete.decode(shown, { skip_special_tokens: false });
  };
  return { encode, decode, specials };
}

/** Loads a Hugging Face `tokenizer.json`. */
export async function loadTextTokenizer(file: string): Promise<TextTokenizer> {
  return createTextTokenizer(JSON.parse(await readFile(file, 'utf8')));
}
