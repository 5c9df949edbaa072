/** The words that structured texts are made of: `v0=5` and the like, names and keywords. */

/** A word of the form `vKIND=VALUE`. */
export interface Special {
  readonly kind: number;
  readonly value: number;
}

export interface ParsedText<T = unknown> {
  /** Absent where a text of this modality has no value but itself. */
  readonly value?: T;
  readonly warnings: readonly string[];
}
/** What is valid of a text, and what was left out. */
export interface Parsed<T> extends ParsedText<T> {
  readonly value: T;
}

export const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** Undefined for any other word. Values have at most three digits in the vocabulary. */
export function special(word: string): Special | undefined {
  const match = /^v([0-3])=(\d{1,4})$/.exec(word);
  return match ? { kind: Number(match[1]), value: Number(match[2]) } : undefined;
}

/** The value of a `vKIND=VALUE` word whatever its kind, as the reference reads it. */
export const anyValue = (word: string): number | undefined => special(word)?.value;

/** Ids above this are written as `v1=`, less this number. */
export const SPLIT = 512;

/** A tokenizer's id as a word: the text vocabulary has only a thousand values of a kind. */
export const idWord = (id: number): string => (id < SPLIT ? `v0=${id}` : `v1=${id - SPLIT}`);

/** The inverse of `idWord`. As in the reference every kind but 0 counts as 1. */
export function idOfWord(word: string): number | undefined {
  const part = special(word);
  return part && (part.kind === 0 ? part.value : part.value + SPLIT);
}

/** The parts of a list between the separators, empty ones left out. */
export function splitAt(words: readonly string[], separator: string): string[][] {
  const parts: string[][] = [[]];
  for (const word of words) {
    if (word === separator) parts.push([]);
    else parts.at(-1)?.push(word);
  }
  return parts.filter((part) => part.length > 0);
}

/** `n things` or `1 thing`, for warnings. */
export const counted = (count: number, thing: string): string =>
  `${count} ${thing}${count === 1 ? '' : 's'}`;

/** A word in quotes, cut where it is long, for messages. */
export const quoted = (word: string): string => `"${word.slice(0, 40)}"`;
