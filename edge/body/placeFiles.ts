/** Long texts of a request's JSON -> files where files can be given, and refusable texts elsewhere. */
import { inputsOf, isFreeJson } from '../../shared/api/bounds.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { find, pause, SLICE } from '../../shared/pause.ts';
import { decodeBase64 } from './base64.ts';
import type { Files } from './files.ts';
import type { ScannedJson } from './json.ts';

type Path = readonly PropertyKey[];

/** Characters of a long text that are enough for a schema to refuse it. */
const REFUSED_LENGTH = 100_001;

const BACKSLASH = 0x5c;
/** What may be escaped in base64 and data URLs: `/`, and line ends. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x2f, 0x2f],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

/** The bytes without JSON's escapes; any other escape than base64 can have is left, and is then refused. */
async function unescaped(text: Uint8Array): Promise<Uint8Array> {
  if ((await find(text, BACKSLASH, 0)) < 0) return text;
  const plain = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; ) {
    const end = Math.min(at + SLICE, text.length);
    for (; at < end; at++) {
      const code = text[at] ?? 0;
      const meant = code === BACKSLASH ? ESCAPES.get(text[at + 1] ?? 0) : undefined;
      plain[length++] = meant ?? code;
      if (meant !== undefined) at++;
    }
    await pause();
  }
  return plain.subarray(0, length);
}

/** Behind `data:TYPE;base64,`; undefined when the text does not begin so. */
function dataUrlStart(text: Uint8Array): number | undefined {
  const head = new TextDecoder('latin1').decode(text.subarray(0, 300));
  return /^data:[^,]{0,200};base64,/i.exec(head)?.[0].length;
}

/** Whether base64 can stand here: `data` of an input, or a mask. */
function isFile(path: Path): boolean {
  const [, field, ...rest] = inputsOf(path)?.within ?? [];
  return (field === 'data' && rest.length === 0) || (field === 'hide' && rest.at(-1) === 'mask');
}

/** Whether any text of a JSON value, however deep, is one of the long ones. */
function holdsLongText(value: unknown, longTexts: ScannedJson['longTexts']): boolean {
  const waiting = [value];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (typeof part === 'string' && longTexts.has(part)) return true;
    // Nulls and false are not worth a look, and `pop` answers undefined when nothing waits.
    if (typeof part === 'object' && part !== null) {
      for (const child of Object.values(part)) if (child) waiting.push(child);
    }
  }
  return false;
}

async function toFile(text: Uint8Array, path: Path, files: Files): Promise<string> {
  const plain = await unescaped(text);
  const bytes = await decodeBase64(plain.subarray(dataUrlStart(plain) ?? 0));
  if (bytes) return files.add(bytes);
  const { at = [], within: [name = ''] = [] } = inputsOf(path) ?? {};
  const detail = `${shorten(String(name))} is not valid base64`;
  throw refusal('invalid_input', detail, pointerTo(...at, name));
}

/** The beginning of a text, long enough for every field to refuse it. */
const refusable = (text: Uint8Array): string =>
  new TextDecoder().decode(text.subarray(0, REFUSED_LENGTH));

/** A long text that an input was given as: the file of a data URL, or a text to be refused. */
export async function longInput(
  text: Uint8Array,
  path: Path,
  files: Files,
): Promise<string | { data: string }> {
  const isDataUrl = dataUrlStart(await unescaped(text.subarray(0, 400))) !== undefined;
  return isDataUrl ? { data: await toFile(text, path, files) } : refusable(text);
}

/**
 * The value with its long texts in their places: the name of a file, or the beginning of a text, which is
 * long enough to be refused by the field's own bound.
 * @param value bounded as `assertBounded` has it
 * @throws FailureError `invalid_input` for what is no base64, `invalid_request` within a JSON value
 */
export async function placeFiles(
  { value, longTexts }: ScannedJson,
  files: Files,
  path: Path = [],
): Promise<unknown> {
  if (longTexts.size === 0) return value;
  const inner = (child: unknown, step: PropertyKey): Promise<unknown> =>
    placeFiles({ value: child, longTexts }, files, [...path, step]);
  if (typeof value === 'string') {
    const text = longTexts.get(value);
    if (!text) return value;
    if (isFile(path)) return await toFile(text, path, files);
    if (inputsOf(path)?.within.length === 1) return await longInput(text, path, files);
    return refusable(text);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (isFreeJson(path)) {
    if (!holdsLongText(value, longTexts)) return value;
    const detail = `the value has a text of more than ${REFUSED_LENGTH - 1} bytes`;
    throw refusal('invalid_request', detail, pointerTo(...path));
  }
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const [index, item] of value.entries()) {
      items.push(typeof item === 'number' ? item : await inner(item, index));
    }
    return items;
  }
  const entries: [string, unknown][] = [];
  for (const [key, child] of Object.entries(value)) entries.push([key, await inner(child, key)]);
  return Object.fromEntries(entries);
}
