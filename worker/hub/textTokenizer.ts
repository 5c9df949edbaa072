/** The text tokenizer of the published models, from the public code or from a file. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHasher, hashFile, sizeOf } from './digest.ts';
import { HubError } from './errors.ts';
import { fetchFor, type Hub, reasonOf, TransientError, withRetries } from './request.ts';

export interface TextTokenizerSource {
  /** An http(s) address or a path. */
  readonly from: string;
  readonly sha256: string;
}

/** Over thirty times the published file. */
const MAX_BYTES = 50_000_000;

/**
 * Puts the tokenizer into a folder under `name`, if it is not there.
 * @returns whether it was fetched
 * @throws HubError `digest`, `network`, `access`, `not_found`, `response`
 */
export async function pullTextTokenizer(
  hub: Hub,
  { from, sha256 }: TextTokenizerSource,
  folder: string,
  name: string,
): Promise<boolean> {
  const place = join(folder, name);
  if ((await sizeOf(place)) !== undefined) {
    const hasher = createHasher('sha256', 0);
    await hashFile(place, hasher);
    if (hasher.finish().sha256 === sha256) return false;
  }
  const bytes = /^https?:/.test(from) ? await fetched(hub, from) : await local(from);
  const hasher = createHasher('sha256', bytes.length);
  hasher.update(bytes);
  const actual = hasher.finish().sha256;
  if (actual !== sha256)
    throw new HubError(
      'digest',
      `${from}: sha256 is ${actual}, that of the published text tokenizer is ${sha256}`,
    );
  await writeFile(`${place}.partial`, bytes);
  await rename(`${place}.partial`, place);
  return true;
}

const fetched = (hub: Hub, url: string): Promise<Uint8Array> =>
  withRetries(hub, { what: url }, async () => {
    const response = await fetchFor({ repository: url })(url, {
      signal: AbortSignal.timeout(hub.patience),
    });
    if (Number(response.headers.get('content-length') ?? 0) > MAX_BYTES)
      throw new HubError('response', `${url}: larger than a text tokenizer can be`);
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new TransientError(`the connection broke: ${reasonOf(cause)}`, { cause });
    }
  });

async function local(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new HubError('not_found', `${file}: cannot be read`, { cause });
  }
}
