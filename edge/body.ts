/** Reading request bodies within bounds: JSON and multipart form data -> the value to validate. */
import { pointerTo } from '../shared/api/pointer.ts';
import { refusal } from '../shared/api/problem.ts';

/**
 * Reads and drops what is left of a refused body, up to `limit` bytes: a connection that is answered
 * while its client still sends is reset, which loses the answer, and in `wrangler dev` the next one.
 */
async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<void> {
  let dropped = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    dropped += next.value.byteLength;
    if (dropped > limit) return await reader.cancel();
  }
}

/** @throws FailureError `too_large` when the bound is passed, announced or not */
async function readBytes(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!request.body) return new Uint8Array(0);
  const reader = request.body.getReader();
  const refuse = async (): Promise<never> => {
    await drain(reader, limit);
    throw refusal('too_large', `a request body has at most ${limit} bytes`);
  };
  if (Number(request.headers.get('content-length') ?? 0) > limit) await refuse();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.byteLength;
    if (length > limit) await refuse();
    chunks.push(next.value);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** Base64 of bytes. `btoa` takes text, and a call takes only so many arguments: hence the pieces. */
function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let i = 0; i < bytes.length; i += 0x8000) {
    pieces.push(String.fromCharCode(...bytes.subarray(i, i + 0x8000)));
  }
  return btoa(pieces.join(''));
}

function parseJson(text: string, what: string, pointer?: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = `${what} is not valid JSON: ${cause instanceof Error ? cause.message : cause}`;
    throw refusal('invalid_json', detail, pointer, { cause });
  }
}

/** `depth,normal`, `{"modality":"depth"}` or `["depth"]`: what one `targets` field names. */
function parseTargets(text: string): unknown[] {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return [parseJson(trimmed, 'targets', pointerTo('targets'))];
  if (trimmed.startsWith('[')) {
    const parsed = parseJson(trimmed, 'targets', pointerTo('targets'));
    return Array.isArray(parsed) ? parsed : [parsed];
  }
  return trimmed
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Field text -> the JSON value it stands for; what does not fit is left for the schema to refuse. */
const asText = (text: string): unknown => text;
const asNumber = (text: string): unknown => (/^\d+$/.test(text) ? Number(text) : text);
const asFlag = (text: string): unknown =>
  text === 'true' ? true : text === 'false' ? false : text;
const SETTINGS: Readonly<Record<string, (text: string) => unknown>> = {
  model: asText,
  preset: asText,
  seed: asNumber,
  chained: asFlag,
  num_samples: asNumber,
  dry_run: asFlag,
  deadline_ms: asNumber,
  keep: asFlag,
  outputs: asText,
  previews: asFlag,
};

/** Fields that are not settings are inputs: files as bytes, text as it is. Fields win over `request`. */
async function fromForm(form: FormData): Promise<unknown> {
  const rest = form.get('request');
  const base = typeof rest === 'string' ? parseJson(rest, 'request', pointerTo('request')) : {};
  if (!isObject(base)) {
    const detail = 'the field `request` holds a JSON object';
    throw refusal('invalid_request', detail, pointerTo('request'));
  }
  const inputs = new Map(Object.entries(isObject(base.inputs) ? base.inputs : {}));
  const settings: Record<string, unknown> = {};
  const targets: unknown[] = [];
  for (const [name, value] of form) {
    if (name === 'request') continue;
    if (typeof value !== 'string') {
      inputs.set(name, { data: toBase64(new Uint8Array(await value.arrayBuffer())) });
    } else if (name === 'targets') targets.push(...parseTargets(value));
    else if (Object.hasOwn(SETTINGS, name)) settings[name] = SETTINGS[name]!(value);
    else inputs.set(name, value);
  }
  return {
    ...base,
    ...settings,
    ...(targets.length > 0 && { targets }),
    inputs: Object.fromEntries(inputs),
  };
}

/**
 * The body as a value that the schema can judge.
 * @throws FailureError too_large, empty_request, unsupported_media_type, invalid_json, invalid_multipart
 */
export async function readRequest(request: Request, limit: number): Promise<unknown> {
  const contentType = request.headers.get('content-type') ?? '';
  const kind = contentType.split(';')[0]!.trim().toLowerCase();
  if (kind !== '' && kind !== 'application/json' && kind !== 'multipart/form-data') {
    const detail = `send application/json or multipart/form-data, not ${kind}`;
    throw refusal('unsupported_media_type', detail);
  }
  const bytes = await readBytes(request, limit);
  if (bytes.length === 0) throw refusal('empty_request', 'the request has no body');
  if (kind === '') throw refusal('unsupported_media_type', 'the content type is missing');
  if (kind === 'application/json') {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw refusal('invalid_json', 'the body is not UTF-8');
    }
    return parseJson(text, 'the body');
  }
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw refusal('invalid_multipart', 'the form data ends early or has no boundary');
  }
  return await fromForm(form);
}
