/**
 * JSON in UTF-8 -> the value it stands for, with its long texts left out. Its size without them and the
 * number of its parts are bounded before it is parsed, since parsing is one step that nothing interrupts.
 */
import { refusal } from '../../shared/api/problem.ts';
import { LONG_SLICE, pause, SLICE } from '../../shared/pause.ts';

/** Bytes of a text that is left where it is, and of everything but the longer ones. */
export const LONG_TEXT = 100_000;
const MOST_BYTES = 4_000_000;
/** Values, and fields of objects: 32 inputs of 4,096 tokens are fewer. */
const MOST_VALUES = 150_000;
const MOST_FIELDS = 20_000;

/** Texts that are passed over between two pauses. */
const MOST_STEPS = 1000;

const [QUOTE, BACKSLASH, COMMA, COLON, BRACKET, BRACE] = [0x22, 0x5c, 0x2c, 0x3a, 0x5b, 0x7b];

/** A value, and its long texts as they are written between their quotes. */
export interface ScannedJson {
  readonly value: unknown;
  /** What stands in the value for a long text -> its bytes, escapes and all. */
  readonly longTexts: ReadonlyMap<string, Uint8Array>;
}

const tooMany = (most: number, what: string) =>
  refusal('too_large', `a JSON body has at most ${most} ${what}`);

/** Where a text ends, looked for from `at` to `end`; otherwise, as `-1 - at`, where to look on. */
function quoteWithin(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const code = bytes[at];
    if (code === QUOTE) return at;
    // What is escaped does not end the text, whatever it is.
    if (code === BACKSLASH) at++;
  }
  return -1 - at;
}

/** Where a text ends that begins at `from`; the end of the bytes when it does not end. */
function closingQuote(bytes: Uint8Array, from: number): number | Promise<number> {
  const end = Math.min(from + LONG_SLICE, bytes.length);
  const found = quoteWithin(bytes, from, end);
  if (found >= 0) return found;
  return end === bytes.length ? end : closingFarther(bytes, -1 - found);
}

async function closingFarther(bytes: Uint8Array, from: number): Promise<number> {
  await pause();
  return await closingQuote(bytes, from);
}

/** Pieces of the JSON between its long texts, and those texts. @throws FailureError `too_large` */
async function split(bytes: Uint8Array) {
  const pieces: Uint8Array[] = [];
  const long: Uint8Array[] = [];
  let [values, fields, begin, paused, texts] = [0, 0, 0, 0, 0];
  for (let at = 0; at < bytes.length; ) {
    const slice = bytes.subarray(at, at + SLICE);
    const length = slice.indexOf(QUOTE);
    for (const code of length < 0 ? slice : slice.subarray(0, length)) {
      if (code === COMMA || code === BRACKET || code === BRACE) values++;
      else if (code === COLON) fields++;
    }
    if (values > MOST_VALUES) throw tooMany(MOST_VALUES, 'values');
    if (fields > MOST_FIELDS) throw tooMany(MOST_FIELDS, 'fields');
    at += length < 0 ? slice.length : length;
    if (length >= 0) {
      const quote = at;
      const closing = closingQuote(bytes, quote + 1);
      const close = typeof closing === 'number' ? closing : await closing;
      if (close - quote - 1 > LONG_TEXT) {
        pieces.push(bytes.subarray(begin, quote + 1));
        long.push(bytes.subarray(quote + 1, close));
        begin = close;
      }
      at = close + 1;
      texts++;
    }
    if (at - paused > SLICE || texts % MOST_STEPS === 0) {
      paused = at;
      await pause();
    }
  }
  pieces.push(bytes.subarray(begin));
  return { pieces, long };
}

/** JSON of a value in UTF-8, its long texts in their places again, as they were written. */
export function writeScanned({ value, longTexts }: ScannedJson): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const names = [...longTexts.keys()];
  const json = JSON.stringify(value);
  // Every other piece is a name.
  const pieces = names.length > 0 ? json.split(new RegExp(`(${names.join('|')})(?=")`)) : [json];
  const parts = pieces.map((piece) => longTexts.get(piece) ?? encoder.encode(piece));
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @throws FailureError `invalid_json` saying where, `too_large` */
export async function readJson(bytes: Uint8Array, what: string): Promise<ScannedJson> {
  const { pieces, long } = await split(bytes);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > MOST_BYTES) throw tooMany(MOST_BYTES, 'bytes besides its files');
  const secret = crypto.randomUUID();
  const longTexts = new Map(long.map((text, i) => [`text:${secret}:${i}`, text]));
  const names = [...longTexts.keys()];
  let text: string;
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    text = pieces.map((piece, i) => decoder.decode(piece) + (names[i] ?? '')).join('');
  } catch (cause) {
    throw refusal('invalid_json', `${what} is not UTF-8`, undefined, { cause });
  }
  try {
    return { value: JSON.parse(text), longTexts };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refusal('invalid_json', `${what} is not valid JSON: ${why}`, undefined, { cause });
  }
}
