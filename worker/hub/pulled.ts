/**
 * `.pulled.json` of a folder: what its files are, so that the next pull need not read them again, and
 * which version the unfinished ones belong to, so that no file is continued with bytes of another.
 */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const pulledSchema = z.object({
  files: z.record(
    z.string(),
    z.object({
      repository: z.string(),
      /** Commit on the hub. */
      revision: z.string(),
      /** Name in the repository. */
      path: z.string(),
      etag: z.string(),
      size: z.number(),
      sha256: z.string(),
      /** As the hub lists it: the sha256, or git's object id. */
      listed: z.string(),
      /** Time of last change, in milliseconds: a file changed since then is read again. */
      modified: z.number(),
    }),
  ),
  /** Unfinished file -> etag of the version it is the beginning of. */
  partial: z.record(z.string(), z.string()),
});
type Pulled = z.infer<typeof pulledSchema>;
export type PulledFile = Pulled['files'][string];

export interface Records {
  file(name: string): PulledFile | undefined;
  partial(name: string): string | undefined;
  /** Notes a version, before the first byte of `name` is written. */
  begin(name: string, etag: string): Promise<void>;
  /** Removes the unfinished files of names that nobody asks for any more. */
  forgetOthers(wanted: readonly string[]): Promise<void>;
  /** Notes what `name` is, when it is complete and verified. */
  finish(name: string, entry: Omit<PulledFile, 'modified'>): Promise<void>;
}

/** A missing or damaged record is an empty one: files are then told by their contents. */
export async function openRecords(folder: string): Promise<Records> {
  const place = join(folder, '.pulled.json');
  const pulled = await readFile(place, 'utf8')
    .then((text) => pulledSchema.parse(JSON.parse(text)))
    .catch((): Pulled => ({ files: {}, partial: {} }));
  const save = async (): Promise<void> => {
    await writeFile(`${place}.new`, `${JSON.stringify(pulled, null, 2)}\n`);
    await rename(`${place}.new`, place);
  };
  return {
    file: (name) => pulled.files[name],
    partial: (name) => pulled.partial[name],
    begin: async (name, etag) => {
      pulled.partial[name] = etag;
      await save();
    },
    forgetOthers: async (wanted) => {
      const others = Object.keys(pulled.partial).filter((name) => !wanted.includes(name));
      for (const name of others) {
        delete pulled.partial[name];
        await rm(join(folder, `${name}.partial`), { force: true });
      }
      // A process that was killed while it saved the record has left this.
      await rm(`${place}.new`, { force: true });
      if (others.length > 0) await save();
    },
    finish: async (name, entry) => {
      delete pulled.partial[name];
      const { mtimeMs } = await stat(join(folder, name));
      pulled.files[name] = { ...entry, modified: mtimeMs };
      await save();
    },
  };
}
