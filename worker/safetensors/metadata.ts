/**
 * Values of `__metadata__`. Published 4M checkpoints store each config value as its Python repr: `True`,
 * `None`, `768`, `4.0`, `SiLU`, `['caption', 'rgb@224']`. The public loader reads them as YAML, so that lists
 * and mappings in blocks are values too. One pass over the text, as it is not trusted.
 */
import type { MetadataValue } from './metadataValue.ts';
import { parseBlock } from './yamlBlock.ts';

export type { MetadataValue } from './metadataValue.ts';

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
  ['~', null],
]);
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;

/**
 * One value: a Python literal or a YAML list where it reads as one, else the text itself. A mapping stays
 * text, as no key of a 4M config holds one. Never throws.
 */
export function parseMetadataValue(text: string): MetadataValue {
  const value = text.length > MAX_PARSED_LENGTH ? undefined : parseYaml(text);
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  return value === undefined || value === text.trim() || isMapping ? text : value;
}

/** A value of any kind and length; undefined where brackets, quotes or blocks do not end as they begin. */
export function parseYaml(text: string): MetadataValue | undefined {
  // Marks of a YAML document, which writers put around single values.
  const bare = text
    .replace(/^---\s+/, '')
    .replace(/\n\.\.\.\s*$/, '')
    .trim();
  return /^(- |[^'"[({].*\n)/.test(bare)
    ? parseBlock(bare, parseScalar, MAX_DEPTH)
    : parseScalar(bare);
}

/** A literal on a line of its own. Undefined where its brackets or quotes do not end with it. */
function parseScalar(text: string): MetadataValue | undefined {
  if (!/^['"[({]/.test(text)) return parseWord(text);
  const parsed = parseValue(text, 0, MAX_DEPTH);
  return parsed?.end === text.length ? parsed.value : undefined;
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
  if (character === '{') return parseMapping(text, start, depth);
  let end = start;
  while (end < text.length && !',[](){}\'"'.includes(text.charAt(end))) end++;
  const word = text.slice(start, end).trim();
  return word === '' ? undefined : { value: parseWord(word), end };
}

/** `{'key': value, ...}`, with or without quotes around the keys. */
function parseMapping(text: string, start: number, depth: number): Parsed | undefined {
  const entries: [string, MetadataValue][] = [];
  let end = skipSpace(text, start + 1);
  while (text[end] !== '}') {
    const key = parseKey(text, end);
    const item = key && depth > 0 ? parseValue(text, key.end, depth - 1) : undefined;
    if (!key || !item) return undefined;
    entries.push([key.name, item.value]);
    end = skipSpace(text, item.end);
    if (text[end] === ',') end = skipSpace(text, end + 1);
    else if (text[end] !== '}') return undefined;
  }
  return { value: Object.fromEntries(entries), end: end + 1 };
}

/** A key and the colon behind it. */
function parseKey(text: string, start: number): { name: string; end: number } | undefined {
  const quoted = /^['"]/.test(text.charAt(start)) ? parseQuoted(text, start) : undefined;
  let end = quoted?.end ?? start;
  while (!quoted && end < text.length && !',[](){}\'":'.includes(text.charAt(end))) end++;
  const name = quoted ? String(quoted.value) : text.slice(start, end).trim();
  end = skipSpace(text, end);
  if (name === '' || text[end] !== ':') return undefined;
  return { name, end: skipSpace(text, end + 1) };
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
    const character = text.charAt(i);
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
