/** Links that lead nowhere, which the system reports as files that do not exist. */
import { readlink, stat } from 'node:fs/promises';

/**
 * @returns what is wrong where the path is a link whose target is absent, as in a cache from which the
 *   file itself was removed; undefined for anything else
 */
export async function danglingLink(path: string): Promise<string | undefined> {
  const target = await readlink(path).catch(() => undefined);
  if (target === undefined) return undefined;
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere
    ? undefined
    : `a link to ${target}, which is not there; fetch the file again, or correct the link`;
}
