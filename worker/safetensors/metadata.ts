/**
 * Values of `__metadata__`. Published 4M checkpoints store each config value as its Python repr: `True`,
 * `None`, `768`, `4.0`, `SiLU`, `['caption', 'rgb@224']`.
 */

/** Longer values stay strings, as in the public loader. */
const MAX_PARSED_LENGTH = 10_000;
const KEYWORDS = new Map<string, boolean | null>([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
  ['None', null],
  ['null', null],
]);
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;

export type MetadataValue = string | number | boolean | null | MetadataValue[];

/** One value: a Python literal where it reads as one, else the text itself. */
export function parseMetadataValue(text: string): MetadataValue {
  const trimmed = text.trim();
  if (trimmed.length > MAX_PARSED_LENGTH) return text;
  const keyword = KEYWORDS.get(trimmed);
  if (keyword !== undefined) return keyword;
  if (NUMBER.test(trimmed)) return Number(trimmed);
  const quoted = /^(['"])(.*)\1$/s.exec(trimmed);
  if (quoted && !quoted[2]!.includes(quoted[1]!)) return quoted[2]!;
  const list = /^[[(](.*)[\])]$/s.exec(trimmed);
  if (list) return splitList(list[1]!)?.map(parseMetadataValue) ?? text;
  return text;
}

/** Splits at commas outside quotes and brackets; undefined where these do not pair up. */
function splitList(text: string): string[] | undefined {
  const items: string[] = [];
  let start = 0;
  let depth = 0;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (quote) {
      if (character === quote) quote = '';
    } else if (character === "'" || character === '"') quote = character;
    else if (character === '[' || character === '(') depth++;
    else if (character === ']' || character === ')') depth--;
    else if (character === ',' && depth === 0) {
      items.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (quote || depth !== 0) return undefined;
  const last = text.slice(start);
  return last.trim() ? [...items, last] : items;
}
