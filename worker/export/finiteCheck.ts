/** Looks at weights while their files are read for another reason, and stops at values that are not finite. */
import { areFinite, notFiniteProblem } from '../safetensors/finite.ts';
import { BYTES_PER_ELEMENT, type StoredTensor } from '../safetensors/header.ts';
import { ExportError } from './errors.ts';

/** Takes the pieces of one file, in order. @throws ExportError `not_finite`, naming file and tensor */
export type FiniteCheck = (position: number, piece: Uint8Array) => void;

/** @param tensors those to look at, all of one file */
export function finiteCheck(tensors: readonly StoredTensor[]): FiniteCheck {
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset);
  /** The beginning of a value that two pieces share. */
  let rest = new Uint8Array();
  let current = 0;
  return (position, piece) => {
    for (;;) {
      const tensor = ordered[current];
      if (!tensor || tensor.offset >= position + piece.length) return;
      const begin = Math.max(0, tensor.offset - position);
      const end = Math.min(piece.length, tensor.offset + tensor.length - position);
      // Copied, as values in memory begin at multiples of their size.
      const bytes = new Uint8Array(rest.length + Math.max(0, end - begin));
      bytes.set(rest);
      if (end > begin) bytes.set(piece.subarray(begin, end), rest.length);
      const whole = bytes.length - (bytes.length % BYTES_PER_ELEMENT[tensor.type]);
      if (!areFinite(tensor.type, bytes.subarray(0, whole)))
        throw new ExportError('not_finite', notFiniteProblem(tensor));
      rest = bytes.slice(whole);
      if (tensor.offset + tensor.length > position + piece.length) return;
      current++;
    }
  };
}
