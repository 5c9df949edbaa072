/**
 * Lists and mappings in YAML's block form, as `yaml.dump` writes them:
 *
 *     - caption            tok_depth@224:
 *     - rgb@224              max_tokens: 196
 *
 * Only that: no anchors, tags, multi-line texts or several documents. https://yaml.org/spec/1.1/#id908334
 */
import type { MetadataValue } from './metadataValue.ts';

interface Line {
  readonly indent: number;
  readonly text: string;
}

type ParseScalar = (text: string) => MetadataValue | undefined;

const KEY = /^('[^']*'|"[^"\\]*"|[^\s'"[\]{}#,&*!|>%-][^:]*)\s*:(?:\s+(.*))?$/;

interface Block {
  readonly value: MetadataValue;
  /** Index of the first line behind it. */
  readonly next: number;
}

/**
 * @param text more than one line, or one that begins a list
 * @returns undefined where it is not a block list or mapping
 */
export function parseBlock(
  text: string,
  parseScalar: ParseScalar,
  depth: number,
): MetadataValue | undefined {
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    lines.push({ indent: line.length - line.trimStart().length, text: content });
  }
  const block = readBlock(lines, 0, parseScalar, depth);
  return block?.next === lines.length ? block.value : undefined;
}

function readBlock(
  lines: Line[],
  start: number,
  parseScalar: ParseScalar,
  depth: number,
): Block | undefined {
  const first = lines[start];
  if (!first || depth === 0) return undefined;
  const isList = isItem(first);
  const list: MetadataValue[] = [];
  const mapping: [string, MetadataValue][] = [];
  let i = start;
  for (let line = lines[i]; line?.indent === first.indent; line = lines[i]) {
    if (isItem(line) !== isList) break;
    const entry = isList ? itemOf(lines, i, line) : keyOf(line);
    if (!entry) return undefined;
    const { rest } = entry;
    let found: Block | undefined;
    if (rest !== '') found = scalarBlock(rest, i + 1, parseScalar);
    else found = readNested(lines, i + entry.lines, line, isList, parseScalar, depth);
    if (!found) return undefined;
    if (isList) list.push(found.value);
    else mapping.push([entry.key, found.value]);
    i = found.next;
  }
  return { value: isList ? list : Object.fromEntries(mapping), next: i };
}

const isItem = ({ text }: Line): boolean => text === '-' || text.startsWith('- ');

function scalarBlock(text: string, next: number, parseScalar: ParseScalar): Block | undefined {
  const value = parseScalar(text);
  return value === undefined ? undefined : { value, next };
}

interface Entry {
  readonly key: string;
  /** The value, where it stands on the same line. */
  readonly rest: string;
  /** Lines that are done with; none where the item's own line begins a nested block. */
  readonly lines: 0 | 1;
}

/** What follows the dash. A nested block that begins on the same line is put on a line of its own. */
function itemOf(lines: Line[], index: number, { indent, text }: Line): Entry {
  const rest = text.slice(1).trim();
  const nested = { indent: indent + text.length - rest.length, text: rest };
  if (rest === '' || !(isItem(nested) || KEY.test(rest))) return { key: '', rest, lines: 1 };
  lines[index] = nested;
  return { key: '', rest: '', lines: 0 };
}

function keyOf({ text }: Line): Entry | undefined {
  const match = KEY.exec(text);
  if (!match) return undefined;
  const [, key = '', rest = ''] = match;
  return { key: key.replace(/^(['"])(.*)\1$/, '$2').trim(), rest: rest.trim(), lines: 1 };
}

/** The block below a line, further in; a list below a key may be as far out as the key itself. */
function readNested(
  lines: Line[],
  start: number,
  { indent }: Line,
  isList: boolean,
  parseScalar: ParseScalar,
  depth: number,
): Block | undefined {
  const next = lines[start];
  const isBelow =
    next && (next.indent > indent || (!isList && next.indent === indent && isItem(next)));
  if (!isBelow) return { value: null, next: start };
  return readBlock(lines, start, parseScalar, depth - 1);
}
