/**
 * Bytes that are kept for a while under their own hash: inputs that were given by address or upload, until
 * the work that needs them has ended, and outputs that are answered as links. A use makes them new again.
 *   inputs/<tenant>/<sha256>, outputs/<tenant>/<sha256>
 */
import { sha256 } from '../results/content.ts';
import { type Bytes, collect } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';

export type KeptKind = 'inputs' | 'outputs';

/** Longer than a job may take, and than any link holds. */
export const KEPT_MILLISECONDS = 3 * 24 * 3_600_000;
/** Those that are older are made new when they are used. */
const RENEWED_MILLISECONDS = 12 * 3_600_000;

export const keptKey = (kind: KeptKind, tenant: string, digest: string): string =>
  `${kind}/${tenant}/${digest}`;

/** Makes sure that bytes lie in the store, and stay there for a while. @returns their key */
export async function keepBytes(
  { blobs }: Pick<Store, 'blobs'>,
  kind: KeptKind,
  tenant: string,
  { digest, bytes }: { readonly digest: string; readonly bytes: Bytes },
  now = Date.now(),
): Promise<string> {
  const key = keptKey(kind, tenant, digest);
  const info = await blobs.info(key);
  // Bytes of another length are not those of the hash: a write that somebody cut.
  if (info?.size !== bytes.length) await blobs.write(key, bytes);
  else if (info.modified + RENEWED_MILLISECONDS < now) await blobs.touch(key);
  return key;
}

/** Bytes under their hash; undefined where they are not there, or are not those of the hash. */
export async function readKept(
  { blobs }: Pick<Store, 'blobs'>,
  kind: KeptKind,
  tenant: string,
  digest: string,
): Promise<Bytes | undefined> {
  const source = await blobs.read(keptKey(kind, tenant, digest));
  const bytes = source && (await collect(source));
  return bytes && (await sha256(bytes)) === digest ? bytes : undefined;
}

/** Removes what nobody has used for long, of all tenants. */
export async function sweepKept({ blobs }: Pick<Store, 'blobs'>, now = Date.now()): Promise<void> {
  for (const kind of ['inputs', 'outputs'] as const)
    for await (const { key, modified } of blobs.list(`${kind}/`))
      if (modified + KEPT_MILLISECONDS <= now) await blobs.delete(key);
}
