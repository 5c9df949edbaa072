/** Lines of a batch: what each asks for, and how its answer is written. */
import { BATCH_URLS, type BatchUrl } from '../../shared/api/batches.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { decodeUtf8, readJson, writeJson } from '../../shared/json.ts';
import { pause, SLICE } from '../../shared/pause.ts';

/** A line as it stands in the file. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** What a line asks for. */
export interface LineRequest {
  readonly customId: string;
  readonly url: BatchUrl;
  /** JSON in UTF-8. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Why a line is no request, or was not tried. */
export interface LineError {
  /** Null where it cannot be told. */
  readonly customId: string | null;
  readonly code: string;
  readonly message: string;
}

export type ReadLine =
  | { readonly ok: true; readonly request: LineRequest }
  | { readonly ok: false; readonly error: LineError };

/** Characters of a `custom_id` at most. */
const MOST_ID = 512;
/** Commas, colons and opening brackets of a line at most: parsing is one step that nothing interrupts. */
const MOST_PARTS = 300_000;

const NEWLINE = 0x0a;
const [COMMA, COLON, BRACKET, BRACE] = [0x2c, 0x3a, 0x5b, 0x7b];

const isBlank = (line: Uint8Array): boolean =>
  line.every((code) => code === 0x20 || code === 0x09 || code === 0x0d);

/** Lines that are not blank. @param first number of the first one */
export function* linesOf(bytes: Uint8Array, first: number): Generator<Line, void, undefined> {
  for (let at = 0, number = first; at < bytes.length; number++) {
    const next = bytes.indexOf(NEWLINE, at);
    const end = next < 0 ? bytes.length : next;
    const line = bytes.subarray(at, end);
    if (!isBlank(line)) yield { number, bytes: line };
    at = end + 1;
  }
}

async function hasTooManyParts(bytes: Uint8Array): Promise<boolean> {
  let parts = 0;
  for (let at = 0; at < bytes.length; at += SLICE) {
    if (at > 0) await pause();
    for (const code of bytes.subarray(at, at + SLICE))
      if (code === COMMA || code === COLON || code === BRACKET || code === BRACE) parts++;
  }
  return parts > MOST_PARTS;
}

const isUrl = (url: unknown): url is BatchUrl => BATCH_URLS.some((known) => known === url);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const FIELDS = ['custom_id', 'method', 'url', 'body'];

/** What is wrong with a line that is an object; undefined where it is a request. */
function faultOf(line: Record<string, unknown>, endpoint: BatchUrl | undefined) {
  const { custom_id: id, method, url, body } = line;
  if (typeof id !== 'string' || id === '' || id.length > MOST_ID)
    return `custom_id must be a text of 1 to ${MOST_ID} characters`;
  if (method !== 'POST') return 'method must be POST';
  if (!isUrl(url)) return `url must be one of ${BATCH_URLS.join(', ')}`;
  if (endpoint !== undefined && url !== endpoint)
    return `url must be ${endpoint}, which is the endpoint of this batch`;
  if (!isObject(body)) return 'body must be an object';
  const other = Object.keys(line).find((key) => !FIELDS.includes(key));
  return other === undefined
    ? undefined
    : `${shorten(other)} is not a field that can be given here`;
}

/** What the lines of a batch may ask. */
export interface LineBounds {
  /** What every line has to ask for. */
  readonly endpoint?: BatchUrl | undefined;
  /** The addresses that the key of the batch opens; all of them when left out. */
  readonly urls?: readonly BatchUrl[] | undefined;
}

export async function readLine(
  { bytes }: Line,
  { endpoint, urls = BATCH_URLS }: LineBounds,
): Promise<ReadLine> {
  const wrong = (code: string, message: string, id?: unknown): ReadLine => {
    const customId = typeof id === 'string' ? shorten(id, MOST_ID) : null;
    return { ok: false, error: { customId, code, message } };
  };
  if (await hasTooManyParts(bytes))
    return wrong('too_large', 'the line has more values than a request can have');
  let line: unknown;
  let body: Uint8Array<ArrayBuffer>;
  try {
    line = await readJson(await decodeUtf8(bytes));
    body = await writeJson(isObject(line) ? line.body : null);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return wrong('invalid_json', `the line is not valid JSON: ${shorten(why, 200)}`);
  }
  if (!isObject(line)) return wrong('invalid_request', 'the line must be an object');
  const fault = faultOf(line, endpoint);
  if (fault !== undefined) return wrong('invalid_request', fault, line.custom_id);
  const { custom_id: customId, url } = line as { custom_id: string; url: BatchUrl };
  if (!urls.includes(url)) {
    const message = `the key of this batch does not have the scope that ${url} needs`;
    return wrong('insufficient_scope', message, customId);
  }
  return { ok: true, request: { customId, url, body } };
}

/** What a request was answered. */
export interface Answer {
  readonly status: number;
  readonly requestId: string;
  /** JSON in UTF-8, without line ends. */
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();

/** @param id of the line within all batches */
export function answerLine(
  id: string,
  customId: string,
  { status, requestId, body }: Answer,
): Uint8Array[] {
  const head = JSON.stringify({ id, custom_id: customId }).slice(0, -1);
  const response = JSON.stringify({ status_code: status, request_id: requestId }).slice(0, -1);
  return [
    encoder.encode(`${head},"response":${response},"body":`),
    body,
    encoder.encode('},"error":null}\n'),
  ];
}

export function errorLine(id: string, line: number, error: LineError): Uint8Array[] {
  const { customId, code, message } = error;
  const whole = { id, custom_id: customId, response: null, error: { code, message, line } };
  return [encoder.encode(`${JSON.stringify(whole)}\n`)];
}
