/**
 * Masks as COCO's run-length encoding: lengths of the runs of zeros and ones in turn, zeros first, down the
 * columns; compressed to text by the scheme of the COCO API (github.com/cocodataset/cocoapi, maskApi.c):
 * from the third run on the difference to the one two before, in groups of 5 bits, low first, with a bit
 * that says whether more follow, each plus 48 as a character.
 */
import { itemAt } from '../../shared/lookup.ts';

export interface RunLengths {
  /** Height, width. */
  readonly size: readonly [number, number];
  readonly counts: string;
}

/** @param mask (H, W), row-major, anything but 0 is inside */
export function encodeRle(mask: ArrayLike<number>, height: number, width: number): RunLengths {
  const runs: number[] = [];
  let inside = false;
  let run = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if ((mask[y * width + x] !== 0) !== inside) {
        runs.push(run);
        inside = !inside;
        run = 0;
      }
      run++;
    }
  }
  runs.push(run);
  return { size: [height, width], counts: runs.map((_, i) => textOf(runs, i)).join('') };
}

function textOf(runs: readonly number[], index: number): string {
  let value =
    itemAt(runs, index, 'the runs') - (index > 2 ? itemAt(runs, index - 2, 'the runs') : 0);
  let text = '';
  for (;;) {
    const bits = value & 0x1f;
    value >>= 5;
    // The sign of the rest must be that of the last group's highest bit.
    const more = bits & 0x10 ? value !== -1 : value !== 0;
    text += String.fromCharCode((more ? bits | 0x20 : bits) + 48);
    if (!more) return text;
  }
}

/**
 * The mask (H, W) of run lengths, row-major, 1 inside.
 * @returns undefined where the runs do not fill the mask exactly
 */
export function decodeRle({ size: [height, width], counts }: RunLengths): Uint8Array | undefined {
  const runs: number[] = [];
  let at = 0;
  while (at < counts.length) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; shift += 5) {
      const bits = counts.charCodeAt(at++) - 48;
      if (!(bits >= 0 && bits < 64) || shift > 30) return undefined;
      value |= (bits & 0x1f) << shift;
      more = (bits & 0x20) !== 0;
      if (!more && bits & 0x10 && shift + 5 < 32) value |= -1 << (shift + 5);
    }
    runs.push(value + (runs.length > 2 ? itemAt(runs, runs.length - 2, 'the runs') : 0));
  }
  const mask = new Uint8Array(height * width);
  let position = 0;
  for (const [index, run] of runs.entries()) {
    if (run < 0 || position + run > mask.length) return undefined;
    for (const end = position + run; position < end; position++)
      if (index % 2 === 1) mask[(position % height) * width + Math.floor(position / height)] = 1;
  }
  return position === mask.length ? mask : undefined;
}
