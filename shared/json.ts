/**
 * JSON of many megabytes, read and written in slices, so that nothing holds the event loop. Results are
 * such: nearly all of their length is pictures and arrays, each one text in base64.
 */
import { pause, SLICE } from './pause.ts';

/** Characters of a text that is cut out of JSON before the rest is parsed. */
const LONG_TEXT = 4096;
/** Levels of a value that are written apart: a result's outputs, a target's samples, a sample's fields. */
const LEVELS = 5;
/** Short texts between two pauses, each of which costs a step of its own. */
const TEXTS = 2000;

const isFlat = (value: object): boolean =>
  Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);

/** Pieces of what `JSON.stringify` would write. */
function* piecesOf(value: unknown, levels: number): Generator<string, void, undefined> {
  if (levels === 0 || typeof value !== 'object' || value === null || isFlat(value)) {
    // What JSON cannot say is null within an array; fields of that kind are left out below.
    yield JSON.stringify(value) ?? 'null';
    return;
  }
  const isArray = Array.isArray(value);
  const entries = Object.entries(value).filter(([, part]) => isArray || part !== undefined);
  yield isArray ? '[' : '{';
  for (const [index, [key, part]] of entries.entries()) {
    const comma = index === 0 ? '' : ',';
    yield isArray ? comma : `${comma}${JSON.stringify(key)}:`;
    yield* piecesOf(part, levels - 1);
  }
  yield isArray ? ']' : '}';
}

/** Characters that a number or a word takes at most. */
const LONGEST_WORD = 26;

/**
 * How many of so many characters are left after what is written of a value, whose texts count without escapes; below 0
 * when it may be longer.
 */
function roomAfter(value: unknown, room: number): number {
  if (typeof value === 'string') return room - value.length - 3;
  if (typeof value !== 'object' || value === null) return room - LONGEST_WORD;
  let left = room - 3;
  if (Array.isArray(value)) {
    for (const item of value) {
      left = typeof item === 'number' ? left - LONGEST_WORD : roomAfter(item, left);
      if (left < 0) return left;
    }
    return left;
  }
  for (const [key, part] of Object.entries(value)) {
    left = roomAfter(part, left - key.length - 3);
    if (left < 0) return left;
  }
  return left;
}

/** What `JSON.stringify` writes of plain values, in UTF-8. */
export async function writeJson(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  // What one slice holds needs no pause, and in one piece it takes half of the time.
  if (roomAfter(value, SLICE) >= 0) return encoder.encode(JSON.stringify(value) ?? 'null');
  const slices: Uint8Array[] = [];
  let [waiting, length, total] = [[] as string[], 0, 0];
  const encode = (): void => {
    const slice = encoder.encode(waiting.join(''));
    slices.push(slice);
    total += slice.length;
    [waiting, length] = [[], 0];
  };
  for (const piece of piecesOf(value, LEVELS)) {
    waiting.push(piece);
    length += piece.length;
    if (length < SLICE) continue;
    encode();
    await pause();
  }
  encode();
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const slice of slices) {
    bytes.set(slice, at);
    at += slice.length;
  }
  return bytes;
}

/** UTF-8 as text. @throws TypeError for what is not UTF-8 */
export async function decodeUtf8(bytes: Uint8Array): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  // In one step it takes a tenth of the time: Node decodes what may go on by other means.
  if (bytes.length <= SLICE) return decoder.decode(bytes);
  const pieces: string[] = [];
  for (let start = 0; start < bytes.length; start += SLICE) {
    if (start > 0) await pause();
    pieces.push(decoder.decode(bytes.subarray(start, start + SLICE), { stream: true }));
  }
  pieces.push(decoder.decode());
  return pieces.join('');
}

/** Where a text ends that begins at `from`; the end of the JSON when it does not end. */
function closingQuote(json: string, from: number): number {
  for (let at = json.indexOf('"', from); at >= 0; at = json.indexOf('"', at + 1)) {
    let escapes = 0;
    while (json[at - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return at;
  }
  return json.length;
}

/** JSON with short names in place of its long texts, and those texts as they are written. */
async function cutOut(json: string): Promise<{ skeleton: string; texts: Map<string, string> }> {
  const secret = crypto.randomUUID();
  const texts = new Map<string, string>();
  const pieces: string[] = [];
  let [begin, paused, seen] = [0, 0, 0];
  for (let quote = json.indexOf('"'); quote >= 0; ) {
    const close = closingQuote(json, quote + 1);
    const isKey = /^\s*:/.test(json.slice(close + 1, close + 10));
    if (close - quote > LONG_TEXT && !isKey) {
      const name = `text:${secret}:${texts.size}`;
      texts.set(name, json.slice(quote + 1, close));
      pieces.push(json.slice(begin, quote + 1), name);
      begin = close;
    }
    seen++;
    if (close - paused > SLICE || seen % TEXTS === 0) {
      paused = close;
      await pause();
    }
    quote = json.indexOf('"', close + 1);
  }
  pieces.push(json.slice(begin));
  return { skeleton: pieces.join(''), texts };
}

/** Puts the long texts where their names stand, in place. */
function putBack(value: unknown, texts: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    const text = texts.get(value);
    if (text === undefined) return value;
    return text.includes('\\') ? JSON.parse(`"${text}"`) : text;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (typeof item !== 'number') value[index] = putBack(item, texts);
    }
    return value;
  }
  const fields: Record<string, unknown> = value as Record<string, unknown>;
  for (const [key, part] of Object.entries(fields)) {
    if (typeof part === 'string' || typeof part === 'object') fields[key] = putBack(part, texts);
  }
  return value;
}

/**
 * What `JSON.parse` reads.
 * @throws SyntaxError for what is no JSON
 */
export async function readJson(json: string): Promise<unknown> {
  if (json.length < SLICE) return JSON.parse(json);
  const { skeleton, texts } = await cutOut(json);
  return putBack(JSON.parse(skeleton), texts);
}
