/** Files in memory that note how they are read, and fail the test where more is asked for than they hold. */
import assert from 'node:assert/strict';
import type { OpenSource } from '../../worker/safetensors/source.ts';

export interface MemoryFiles {
  readonly open: OpenSource;
  /** Bytes asked for so far, all files together. */
  bytesRead(): number;
  /** Files opened and not closed. */
  leftOpen(): number;
}

export function memoryFiles(files: Readonly<Record<string, Uint8Array>>): MemoryFiles {
  let bytes = 0;
  let open = 0;
  return {
    bytesRead: () => bytes,
    leftOpen: () => open,
    open: async (file) => {
      if (!Object.hasOwn(files, file))
        throw Object.assign(new Error(`ENOENT: ${file}`), { code: 'ENOENT' });
      const data = files[file]!;
      open++;
      return {
        size: data.length,
        read: async (position, length) => {
          for (const value of [position, length])
            assert.ok(Number.isSafeInteger(value) && value >= 0, `${file}: read of ${value}`);
          assert.ok(position + length <= data.length, `${file}: ${length} bytes at ${position}`);
          bytes += length;
          return data.slice(position, position + length);
        },
        close: async () => {
          open--;
        },
      };
    },
  };
}
