/**
 * Values of `__metadata__`. Published 4M checkpoints store each config value as its Python repr: `True`,
 * `None`, `768`, `4.0`, `SiLU`, `['caption', 'rgb@224']`. One pass over the text, as it is not trusted.
 */

/** Longer values stay strings, as in the public loader. */
const MAX_PARSED_LENGTH = 10_000;
/** Lists nested deeper leave the value a string. */
const MAX_DEPTH = 32;
const KEYWORDS = new Map<string, boolean | null>([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
  ['None', null],
  ['null', null],
]);
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;

export type MetadataValue = string | number | boolean | null | MetadataValue[];

/** One value: a Python literal where it reads as one, else the text itself. Never throws. */
export function parseMetadataValue(text: string): MetadataValue {
  const trimmed = text.trim();
  if (trimmed.length > MAX_PARSED_LENGTH) return text;
  if (/^['"[(]/.test(trimmed)) {
    const parsed = parseValue(trimmed, 0, MAX_DEPTH);
    return parsed?.end === trimmed.length ? parsed.value : text;
  }
  const word = parseWord(trimmed);
  return word === trimmed ? text : word;
}

interface Parsed {
  readonly value: MetadataValue;
  /** Position behind it. */
  readonly end: number;
}

function parseValue(text: string, start: number, depth: number): Parsed | undefined {
  const character = text[start];
  if (character === "'" || character === '"') return parseQuoted(text, start);
  if (character === '[') return parseList(text, start, ']', depth);
  if (character === '(') return parseList(text, start, ')', depth);
  let end = start;
  while (end < text.length && !',[]()\'"'.includes(text[end]!)) end++;
  const word = text.slice(start, end).trim();
  return word === '' ? undefined : { value: parseWord(word), end };
}

function parseWord(word: string): MetadataValue {
  const keyword = KEYWORDS.get(word);
  if (keyword !== undefined) return keyword;
  return NUMBER.test(word) ? Number(word) : word;
}

function parseList(text: string, start: number, close: string, depth: number): Parsed | undefined {
  const value: MetadataValue[] = [];
  let end = skipSpace(text, start + 1);
  while (text[end] !== close) {
    const item = depth > 0 ? parseValue(text, end, depth - 1) : undefined;
    if (!item) return undefined;
    value.push(item.value);
    end = skipSpace(text, item.end);
    if (text[end] === ',') end = skipSpace(text, end + 1);
    else if (text[end] !== close) return undefined;
  }
  return { value, end: end + 1 };
}

function skipSpace(text: string, start: number): number {
  let end = start;
  while (/\s/.test(text[end] ?? '')) end++;
  return end;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '\\': '\\',
  "'": "'",
  '"': '"',
};
/** Digits behind `\x`, `\u` and `\U`. */
const CODE_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** A string as Python's repr writes it. */
function parseQuoted(text: string, start: number): Parsed | undefined {
  const quote = text[start];
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    const character = text[i]!;
    if (character === quote) return { value, end: i + 1 };
    if (character !== '\\') {
      value += character;
      continue;
    }
    const letter = text[++i] ?? '';
    const digits = CODE_DIGITS[letter] ?? 0;
    const meant = ESCAPES[letter] ?? codePoint(text.slice(i + 1, i + 1 + digits), digits);
    if (meant === undefined) return undefined;
    value += meant;
    i += digits;
  }
  return undefined;
}

function codePoint(hex: string, digits: number): string | undefined {
  if (hex.length !== digits || !/^[\da-fA-F]+$/.test(hex)) return undefined;
  const code = Number.parseInt(hex, 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
