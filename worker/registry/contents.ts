/**
 * Whether the files of a set are those of its export. Reading all weights takes about as long as loading
 * them, so it is done where there is cause: where a file is younger than the description beside it. An
 * export in fp32 shares its weights with the checkpoint, so whoever writes into that one changes both.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '../../shared/model/manifest.ts';
import { filesOf, membersOf, type SetFolder, type SetMember } from '../session/setFolder.ts';
import { SessionError } from '../session/types.ts';

/** Files that are written together differ by less. */
const SLACK_MILLISECONDS = 2_000;

/** sha256 in hex over the files, one after the other. */
async function digestOf(files: readonly string[], signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files)
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20, signal }))
      hash.update(piece);
  return hash.digest('hex');
}

async function isYounger({ home, manifest }: SetMember<Manifest>): Promise<boolean> {
  const described = await stat(join(home, 'model.json'));
  const files = await Promise.all(filesOf(manifest).map((file) => stat(join(home, file))));
  return files.some(({ mtimeMs }) => mtimeMs > described.mtimeMs + SLACK_MILLISECONDS);
}

/** Members whose files are read: those that may have been changed since their export, or all of them. */
export type Checked = 'changed' | 'all';

/**
 * Checks the members of a set that may have been changed since their export, or all of them.
 * @throws SessionError naming the folder and both digests; the signal's reason
 */
export async function assertContents(
  set: SetFolder,
  signal: AbortSignal,
  which: Checked = 'changed',
): Promise<void> {
  for (const member of membersOf(set)) {
    const { home, manifest } = member;
    if (which === 'changed' && !(await isYounger(member))) continue;
    const files = filesOf(manifest).map((file) => join(home, file));
    const digest = await digestOf(files, signal);
    if (digest !== manifest.digest)
      throw new SessionError(
        `${home}: its files have the digest ${digest}, model.json says ${manifest.digest}; ` +
          'they were changed after the export: export the checkpoint again',
      );
  }
}
