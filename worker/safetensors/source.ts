/** Where bytes come from: a file, or anything else that knows its size and is read by range. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { SafetensorsError } from './errors.ts';
import { danglingLink } from './links.ts';

export interface ByteSource {
  readonly size: number;
  /** `length` bytes from `position` on, which are the caller's to keep and change. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export type OpenSource = (file: string) => Promise<ByteSource>;

/** What one call of the system reads at most; it takes no more than 2 GiB. */
const PIECE_BYTES = 2 ** 28;

/**
 * @throws SafetensorsError where it is not a plain file (a pipe would never end) or a link to nothing; the
 *   system's error where it cannot be opened
 */
export async function openFile(file: string): Promise<ByteSource> {
  const problem = await danglingLink(file);
  if (problem) throw new SafetensorsError(file, problem);
  if (!(await stat(file)).isFile()) throw new SafetensorsError(file, 'not a plain file');
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    return {
      size,
      read: (position, length) => readRange(file, handle, size, position, length),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readRange(
  file: string,
  handle: FileHandle,
  size: number,
  position: number,
  length: number,
): Promise<Uint8Array> {
  if (position + length > size)
    throw new SafetensorsError(file, `ends at byte ${size}, ${position + length} asked for`);
  const buffer = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const piece = Math.min(length - done, PIECE_BYTES);
    const { bytesRead } = await handle.read(buffer, done, piece, position + done);
    // The file has become shorter since it was opened.
    if (bytesRead === 0) throw new SafetensorsError(file, `ends at byte ${position + done}`);
    done += bytesRead;
  }
  return buffer;
}
