/** What the hub says a file's bytes are, and hashing of bytes as they pass. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Large files are listed with their sha256, the others with the object id that git gives them. */
export interface Digest {
  readonly algorithm: 'sha256' | 'git-sha1';
  readonly hex: string;
}

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Ends the hash; it is called once, after all bytes. */
  finish(): { readonly sha256: string; readonly actual: Digest };
}

/**
 * Hashes a file of `size` bytes; the size is part of what git hashes.
 * https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
 */
export function createHasher(algorithm: Digest['algorithm'], size: number): Hasher {
  const sha256 = createHash('sha256');
  const git = algorithm === 'git-sha1' ? createHash('sha1').update(`blob ${size}\0`) : undefined;
  return {
    update: (bytes) => {
      sha256.update(bytes);
      git?.update(bytes);
    },
    finish: () => {
      const hex = sha256.digest('hex');
      return { sha256: hex, actual: { algorithm, hex: git?.digest('hex') ?? hex } };
    },
  };
}

/** Feeds a whole file, read in pieces. */
export async function hashFile(file: string, hasher: Hasher): Promise<void> {
  for await (const piece of createReadStream(file)) hasher.update(piece);
}

/** Size of a file, or undefined where there is none. */
export const sizeOf = (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ size }) => size,
    () => undefined,
  );
