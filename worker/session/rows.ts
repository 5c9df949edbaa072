/**
 * Rows of tensors that stay where graphs run: the keys and values of sequences, which would cost more to hand
 * to and fro than they cost to use. A row has a number and one array for each of the inputs that it feeds, all
 * (H, capacity, hd). Rows that are used together lie in one block in their order, so that nothing is copied
 * from run to run; they are gathered anew only when other rows come together or a block is full.
 */
import { fieldOf, itemAt, valueAt } from '../../shared/lookup.ts';
import type { FloatTensor, HalfTensor, KeepRows, RowFeeds, Tensor } from './types.ts';

/** Widths are multiples of this: sums over keys of hidden tokens behind a row's own are then the same. */
const ROW_STEP = 16;

type NumberTensor = FloatTensor | HalfTensor;
const ARRAYS = { float32: Float32Array, float16: Uint16Array } as const;

interface Block {
  readonly capacity: number;
  /** Rows in it. */
  readonly ids: readonly number[];
  /** (rows, H, capacity, hd), one an input: float32, or halves by their bits. */
  readonly tensors: readonly NumberTensor['data'][];
}

interface Place {
  readonly block: Block;
  readonly index: number;
}

/** What all arrays of a row have in common: heads, and numbers a head. */
type Kind = Pick<RowFeeds, 'type' | 'shape'>;

export interface RowStore {
  /** Feeds of a run, from the rows that are named in it. @throws Error for a row that is not known */
  readonly feeds: (rows: RowFeeds) => Record<string, NumberTensor>;
  /** Takes rows out of a run's outputs, which are (rows, H, tokens, hd). */
  readonly keep: (rows: KeepRows, outputs: Readonly<Record<string, Tensor>>) => void;
  readonly forget: (ids: readonly number[]) => void;
  /** Rows that are kept. */
  readonly size: () => number;
}

const rounded = (tokens: number): number => Math.ceil(tokens / ROW_STEP) * ROW_STEP;

/** The width of inputs that are fed from rows. */
export const widthFor = (rows: RowFeeds['rows']): number =>
  rounded(Math.max(0, ...rows.map(({ tokens }) => tokens)));

export function createRowStore(): RowStore {
  const places = new Map<number, Place>();

  /** A block in which the rows lie in this order, with room for so many tokens each. */
  function gathered(
    rows: RowFeeds['rows'],
    capacity: number,
    arrays: number,
    { type, shape }: Kind,
  ): Block {
    const [heads, size] = shape;
    const length = rows.length * heads * capacity * size;
    const tensors = Array.from({ length: arrays }, () => new ARRAYS[type](length));
    const block = { capacity, ids: rows.map(({ id }) => id), tensors };
    for (const [index, { id, tokens }] of rows.entries()) {
      const known = places.get(id);
      if (known) copyRow(known, { block, index }, tokens, shape);
      places.set(id, { block, index });
    }
    return block;
  }

  /** The block of these rows alone, in this order, where there is one of a fitting capacity. */
  function blockOf(ids: readonly number[], fits: (capacity: number) => boolean): Block | undefined {
    const block = places.get(ids[0] ?? -1)?.block;
    const isTheirs =
      block?.ids.length === ids.length &&
      ids.every((id, i) => block.ids[i] === id && places.get(id)?.block === block);
    return isTheirs && fits(block.capacity) ? block : undefined;
  }

  return {
    feeds({ names, type, rows, shape }) {
      const ids = rows.map(({ id }) => id);
      const width = widthFor(rows);
      for (const { id, tokens } of rows)
        if (tokens > 0) valueAt(places, id, 'the rows that are kept');
      const block =
        blockOf(ids, (capacity) => capacity === width) ??
        gathered(rows, width, names.length, { type, shape });
      const dims = [rows.length, shape[0], width, shape[1]];
      return Object.fromEntries(
        names.map((name, i) => {
          const data = itemAt(block.tensors, i, 'the arrays of a block');
          return [name, { type, dims, data } as NumberTensor];
        }),
      );
    },

    keep({ names, rows }, outputs) {
      const tensors = names.map((name) => {
        const tensor = fieldOf(outputs, name, 'outputs');
        if (tensor.type !== 'float32' && tensor.type !== 'float16')
          throw new Error(`the output ${name} is ${tensor.type}`);
        return tensor;
      });
      const { type, dims } = itemAt(tensors, 0, 'outputs to keep');
      const [, heads = 0, tokens = 0, size = 0] = dims;
      const least = rounded(Math.max(0, ...rows.map(({ from }) => from)) + tokens);
      const kept = rows.map(({ id, from }) => ({ id, tokens: from }));
      const block =
        blockOf(
          rows.map(({ id }) => id),
          (capacity) => capacity >= least,
        ) ?? gathered(kept, least, names.length, { type, shape: [heads, size] });
      for (const [i, { data }] of tensors.entries()) {
        const array = itemAt(block.tensors, i, 'the arrays of a block');
        for (const [row, { from }] of rows.entries())
          for (let head = 0; head < heads; head++) {
            const start = (row * heads + head) * tokens * size;
            const at = ((row * heads + head) * block.capacity + from) * size;
            array.set(data.subarray(start, start + tokens * size), at);
          }
      }
    },

    forget(ids) {
      for (const id of ids) places.delete(id);
    },
    size: () => places.size,
  };
}

/** The first tokens of a row, from one block into another. */
function copyRow(from: Place, to: Place, tokens: number, [heads, size]: Kind['shape']): void {
  for (const [i, source] of from.block.tensors.entries()) {
    const target = itemAt(to.block.tensors, i, 'the arrays of a block');
    for (let head = 0; head < heads; head++) {
      const start = (from.index * heads + head) * from.block.capacity * size;
      const at = (to.index * heads + head) * to.block.capacity * size;
      target.set(source.subarray(start, start + tokens * size), at);
    }
  }
}
