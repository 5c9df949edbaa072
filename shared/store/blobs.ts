/**
 * Bytes as callers send and fetch them: uploads, inputs and outputs. They lie beside the objects of a store,
 * without a digest of their own, so that an S3 server takes them from callers directly, and are read and
 * written as they come. Whoever has to rely on one names it by its sha256 and compares. All places pass
 * `test/contract/blobs.ts`. Keys are those of objects.
 */
export interface BlobInfo {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly modified: number;
}

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Blobs {
  /**
   * Writes all of it or nothing, over what was there. S3 holds the whole in memory, since it is told the
   * length first; a disk holds a piece.
   * @throws what the source throws; Error when the place refuses the write
   */
  write(key: string, source: Bytes | AsyncIterable<Uint8Array>): Promise<void>;
  info(key: string): Promise<BlobInfo | undefined>;
  /**
   * The bytes in pieces; undefined where there are none.
   * @param from the first byte that is wanted
   */
  read(key: string, from?: number): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Makes it new: as old as if it had been written now. */
  touch(key: string): Promise<void>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** In any order. */
  list(prefix: string): AsyncGenerator<BlobInfo, void, undefined>;
}

/** All bytes of a source. @param most not one more is held @returns undefined where there are more */
export async function collect(
  source: AsyncIterable<Uint8Array>,
  most = Number.POSITIVE_INFINITY,
): Promise<Bytes | undefined> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > most) return undefined;
    pieces.push(piece);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
