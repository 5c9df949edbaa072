/** A request of the page as `fetch` takes it. */
import { toBase64 } from '../../shared/base64.ts';
import { type ExampleRequest, fileNamed } from '../examples/example.ts';
import type { Filled } from './tryForm.ts';

async function withFiles(value: unknown, files: Filled['files']): Promise<unknown> {
  const name = fileNamed(value);
  if (name !== undefined) {
    const file = files.get(name);
    if (!file) throw new Error(`choose a file for ${name}`);
    return { data: toBase64(new Uint8Array(await file.arrayBuffer())) };
  }
  if (Array.isArray(value)) return await Promise.all(value.map((item) => withFiles(item, files)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, item]) => [key, await withFiles(item, files)]),
  );
  return Object.fromEntries(entries);
}

async function bodyOf(
  { body, file }: ExampleRequest,
  { files, text }: Filled,
): Promise<BodyInit | undefined> {
  if (text !== undefined) return text;
  if (file) {
    const chosen = files.get(file.name);
    if (!chosen) throw new Error(`choose a file for ${file.name}`);
    return chosen;
  }
  return body && JSON.stringify(await withFiles(body, files));
}

/** @throws Error when a file is not chosen */
export async function sendable(
  request: ExampleRequest,
  filled: Filled,
  key: string | undefined,
): Promise<{ readonly url: string; readonly init: RequestInit }> {
  const { origin, path, method, needsKey, headers, body, file } = request;
  const sent = await bodyOf(request, filled);
  const type = file ? file.type : body && 'application/json';
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
