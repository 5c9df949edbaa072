/** Parts of a form -> the value that the schema of the request's JSON can judge. */
import { type FieldKind, type Form, INPUTS, ITEMS, REQUEST_FIELD } from '../../shared/api/form.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Files } from './files.ts';
import { LONG_TEXT } from './json.ts';
import type { Part } from './multipart.ts';
import { longInput } from './placeFiles.ts';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function textOf({ name, bytes }: Part): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const detail = `the field ${shorten(name)} is not UTF-8`;
    throw refusal('invalid_multipart', detail, undefined, { cause });
  }
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `the field ${name} is not valid JSON: ${why}`;
    throw refusal('invalid_json', detail, pointerTo(name), { cause });
  }
}

/** `depth,normal`, `{"modality":"depth"}` or `["depth"]`: the items of one field. */
function listItems(text: string, name: string): unknown[] {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return [parseJson(trimmed, name)];
  if (trimmed.startsWith('[')) {
    const parsed = parseJson(trimmed, name);
    return Array.isArray(parsed) ? parsed : [parsed];
  }
  return trimmed
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Field text -> the JSON value it stands for; what does not fit is left for the schema to refuse. */
function settingOf(kind: FieldKind, text: string): unknown {
  if (kind === 'number') return /^\d{1,15}$/.test(text) ? Number(text) : text;
  if (kind === 'flag') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

const tooLong = (name: string) =>
  refusal('invalid_request', `${name} has more than ${LONG_TEXT} bytes`, pointerTo(name));

/** @throws FailureError `invalid_request` for a field that comes twice and means one thing */
function refuseTwice(parts: readonly Part[], { settings, lists, files }: Form): void {
  const seen = new Set<string>();
  for (const { name } of parts) {
    if (lists.includes(name)) continue;
    const isOwn = files !== undefined || name === REQUEST_FIELD || Object.hasOwn(settings, name);
    if (seen.has(name)) {
      const detail = `the field ${shorten(name)} comes twice; it takes one value`;
      throw refusal('invalid_request', detail, isOwn ? pointerTo(name) : pointerTo(INPUTS, name));
    }
    seen.add(name);
  }
}

/** The request of a form that says all of it; what it has no field for is left for the schema to refuse. */
function wholeForm(parts: readonly Part[], { settings }: Form, files: Files): unknown {
  const fields = parts.map((part): [string, unknown] => {
    const { name, bytes, isFile } = part;
    if (isFile) return [name, { data: files.add(bytes) }];
    if (bytes.length > LONG_TEXT) throw tooLong(shorten(name));
    const kind = Object.hasOwn(settings, name) ? settings[name] : undefined;
    return [name, settingOf(kind ?? 'text', textOf(part))];
  });
  return Object.fromEntries(fields);
}

/**
 * The request that a form says. Fields win over what the field `request` says.
 * @param readRequestField JSON of that field, its files among the others
 * @throws FailureError `invalid_request`, `invalid_json`, `invalid_multipart`
 */
export async function readForm(
  parts: readonly Part[],
  form: Form,
  files: Files,
  readRequestField: (bytes: Part['bytes']) => Promise<unknown>,
): Promise<unknown> {
  refuseTwice(parts, form);
  if (form.files) return wholeForm(parts, form, files);
  const rest = parts.find(({ name }) => name === REQUEST_FIELD);
  const base = rest ? await readRequestField(rest.bytes) : {};
  if (!isObject(base)) {
    const detail = `the field ${REQUEST_FIELD} holds a JSON object`;
    throw refusal('invalid_request', detail, pointerTo(REQUEST_FIELD));
  }
  // Maps, and not objects: a field may be called __proto__.
  const inputs = new Map(Object.entries(isObject(base[INPUTS]) ? base[INPUTS] : {}));
  const settings = new Map<string, unknown>();
  for (const part of parts) {
    const { name } = part;
    if (name === REQUEST_FIELD) continue;
    const kind = Object.hasOwn(form.settings, name) ? form.settings[name] : undefined;
    if (part.isFile) inputs.set(name, { data: files.add(part.bytes) });
    else if (part.bytes.length > LONG_TEXT) {
      if (kind || form.lists.includes(name)) throw tooLong(name);
      inputs.set(name, await longInput(part.bytes, [INPUTS, name], files));
    } else if (kind) settings.set(name, settingOf(kind, textOf(part)));
    else if (form.lists.includes(name)) {
      const earlier = settings.get(name);
      const items = listItems(textOf(part), name);
      settings.set(name, Array.isArray(earlier) ? [...earlier, ...items] : items);
    } else inputs.set(name, textOf(part));
  }
  // A request may give its inputs item by item instead.
  const given = inputs.size > 0 || !Object.hasOwn(base, ITEMS);
  const own = given && { [INPUTS]: Object.fromEntries(inputs) };
  return { ...base, ...Object.fromEntries(settings), ...own };
}
