/** A request of the page as `fetch` takes it. */
import { toBase64 } from '../../shared/base64.ts';
import { type ExampleRequest, fileNamed } from '../examples/example.ts';
import { formFields } from '../examples/formFields.ts';
import type { Filled } from './tryForm.ts';

async function withFiles(value: unknown, files: Filled['files']): Promise<unknown> {
  const name = fileNamed(value);
  if (name !== undefined) {
    return { data: toBase64(new Uint8Array(await chosen(name, files).arrayBuffer())) };
  }
  if (Array.isArray(value)) return await Promise.all(value.map((item) => withFiles(item, files)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, item]) => [key, await withFiles(item, files)]),
  );
  return Object.fromEntries(entries);
}

/** @throws Error when a file is not chosen */
function chosen(name: string, files: Filled['files']): Blob {
  const file = files.get(name);
  if (file) return file;
  throw new Error(`choose a file for ${name}`);
}

function formOf(request: ExampleRequest, files: Filled['files']): FormData {
  const form = new FormData();
  for (const { name, value, isFile } of formFields(request) ?? []) {
    if (isFile) form.append(name, chosen(value, files), value);
    else form.append(name, value);
  }
  return form;
}

async function bodyOf(
  request: ExampleRequest,
  { files, text }: Filled,
): Promise<BodyInit | undefined> {
  const { body, file, onlyForm } = request;
  if (text !== undefined) return text;
  if (onlyForm) return formOf(request, files);
  if (file) {
    return chosen(file.name, files);
  }
  return body && JSON.stringify(await withFiles(body, files));
}

/** @throws Error when a file is not chosen */
export async function sendable(
  request: ExampleRequest,
  filled: Filled,
  key: string | undefined,
): Promise<{ readonly url: string; readonly init: RequestInit }> {
  const { origin, path, method, needsKey, headers, body, file, onlyForm } = request;
  const sent = await bodyOf(request, filled);
  // The type of a form has its boundary, which `fetch` chooses.
  const type = file ? file.type : body && !onlyForm && 'application/json';
  return {
    url: origin + path,
    init: {
      method,
      headers: {
        ...headers,
        ...(type && { 'Content-Type': type }),
        ...(needsKey && key !== undefined && { Authorization: `Bearer ${key}` }),
      },
      ...(sent !== undefined && { body: sent }),
    },
  };
}
