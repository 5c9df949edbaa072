/** Writes planned weights to a file, a few rows at a time, so that memory does not grow with the model. */
import { type FileHandle, open } from 'node:fs/promises';
import { itemAt } from '../../shared/lookup.ts';
import { areFinite, areFiniteFloats, notFiniteProblem } from '../safetensors/finite.ts';
import { ExportError } from './errors.ts';
import type { PlannedTensor } from './weightPlan.ts';

/** Bytes of float32 at once: pieces that stay in the cache are read several times as fast as large ones. */
const PIECE_BYTES = 2 * 2 ** 20;

/**
 * Every value is looked at on the way, as one that is not finite would spoil its whole block.
 * @param bytes size of the finished file
 * @param onProgress called with the share of the checkpoint's bytes that was read
 * @throws ExportError `not_finite`, naming file and tensor
 */
export async function writeWeights(
  file: string,
  tensors: readonly PlannedTensor[],
  bytes: number,
  onProgress: (fraction: number) => void,
): Promise<void> {
  const total = tensors.reduce((sum, { tensor }) => sum + tensor.length, 0);
  let read = 0;
  const handle = await open(file, 'wx');
  try {
    await handle.truncate(bytes);
    for (const planned of tensors) {
      if (planned.encoding) await writeEncoded(handle, planned, planned.encoding);
      else await writeCopy(handle, planned);
      read += planned.tensor.length;
      onProgress(read / total);
    }
  } finally {
    await handle.close();
  }
}

async function writeCopy(
  handle: FileHandle,
  { from, tensor, offsets }: PlannedTensor,
): Promise<void> {
  const bytes = await from.read(tensor.name);
  if (!areFinite(tensor.type, bytes)) throw new ExportError('not_finite', notFiniteProblem(tensor));
  await writeAll(handle, bytes, itemAt(offsets, 0, `places of ${tensor.name}`));
}

async function writeEncoded(
  handle: FileHandle,
  { from, tensor, offsets }: PlannedTensor,
  encoding: NonNullable<PlannedTensor['encoding']>,
): Promise<void> {
  const [rows = 1, ...rest] = tensor.shape;
  const columns = rest.reduce((product, size) => product * size, 1);
  const positions = [...offsets];
  const what = `places of ${tensor.name}`;
  const parts = encoding.parts(rows, columns);
  // A matrix in 8 bits is held whole where it is stored the other way round: 61 MB for the largest head.
  const turned: (Uint8Array | undefined)[] = parts.map(() => undefined);
  const step = Math.max(1, Math.floor(PIECE_BYTES / (4 * columns)));
  for (let first = 0; first < rows; first += step) {
    const values = await from.readRows(tensor.name, first, Math.min(step, rows - first));
    if (!areFiniteFloats(values)) throw new ExportError('not_finite', notFiniteProblem(tensor));
    for (const [i, bytes] of encoding.encode(values, columns).entries()) {
      if (parts[i]?.transposed) {
        const whole = turned[i] ?? new Uint8Array(rows * columns);
        turned[i] = whole;
        transposeInto(whole, bytes, first, rows, columns);
        continue;
      }
      const position = itemAt(positions, i, what);
      await writeAll(handle, bytes, position);
      positions[i] = position + bytes.length;
    }
  }
  for (const [i, bytes] of turned.entries())
    if (bytes) await writeAll(handle, bytes, itemAt(offsets, i, what));
}

/** Puts rows of single bytes (n, columns), from row `first` on, into `turned` (columns, rows). */
function transposeInto(
  turned: Uint8Array,
  bytes: Uint8Array,
  first: number,
  rows: number,
  columns: number,
): void {
  const count = bytes.length / columns;
  for (let column = 0; column < columns; column++) {
    const place = column * rows + first;
    for (let row = 0; row < count; row++)
      turned[place + row] = bytes[row * columns + column] as number;
  }
}

async function writeAll(handle: FileHandle, data: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const rest = data.length - done;
    const { bytesWritten } = await handle.write(data, done, rest, position + done);
    done += bytesWritten;
  }
}
