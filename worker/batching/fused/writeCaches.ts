/**
 * Keys and values that sequences hand on from run to run. Sequences that were written together share
 * tensors; where others take their place, rows are gathered anew, the shorter ones padded.
 */
import { itemAt, present } from '../../../shared/lookup.ts';
import type { FmManifest } from '../../../shared/model/manifest.ts';
import type { DecoderCache, WriteRequest } from '../../engine/forward.ts';
import type { FloatTensor, HalfTensor, Tensor } from '../../session/types.ts';
import { bool, int64 } from './feeds.ts';
import { cacheNamesOf } from './sampling.ts';

/** Rows of tensors (rows, H, length, hd), by the names that a run takes them under. */
export type CacheTensors = Readonly<Record<string, Tensor>>;

/** A row of such tensors, and how many of its tokens are the sequence's. */
export interface CacheRow {
  readonly tensors: CacheTensors;
  readonly row: number;
  readonly length: number;
}

/** What a sequence hands on, for each of its conditions. */
export interface RunCache extends DecoderCache {
  /** The tokens so far: the last `length` of the row. */
  readonly past: readonly CacheRow[];
  /** What is seen of the context: the first `length` of the row. Sequences that see the same share a row. */
  readonly context: readonly CacheRow[];
}

/** The caches of sequences that go on, one after the other. */
export function rowsOfCaches(
  requests: readonly WriteRequest[],
  kind: 'past' | 'context',
): readonly CacheRow[] {
  return requests.flatMap(({ cache }) => {
    const known = present(cache, 'the cache of a sequence that goes on') as RunCache;
    return known[kind];
  });
}

/** True where the rows are all of the tensors that they lie in, in order. */
function areWhole(rows: readonly CacheRow[], { tensors }: CacheRow): boolean {
  const [any] = Object.values(tensors);
  return (
    any?.dims[0] === rows.length && rows.every((own, i) => own.tensors === tensors && own.row === i)
  );
}

/**
 * One batch of them; a batch that has not changed is passed on as it is.
 * @param side where the tokens of a shorter row lie
 */
function gather(
  rows: readonly CacheRow[],
  side: 'first' | 'last',
): { readonly tensors: CacheTensors; readonly length: number } {
  const first = itemAt(rows, 0, 'rows of caches');
  const lengthOf = (tensor: Tensor) => itemAt(tensor.dims, 2, 'the shape of a cache');
  const names = Object.entries(first.tensors);
  if (areWhole(rows, first)) {
    const [, tensor] = itemAt(names, 0, 'tensors of a cache');
    return { tensors: first.tensors, length: lengthOf(tensor) };
  }
  const most = Math.max(...rows.map(({ length }) => length));
  const gathered = names.map(([name, { type, dims }]): [string, Tensor] => {
    const [, heads = 0, , width = 0] = dims;
    const size = rows.length * heads * most * width;
    const shape = [rows.length, heads, most, width];
    const whole: FloatTensor | HalfTensor =
      type === 'float16'
        ? { type, dims: shape, data: new Uint16Array(size) }
        : { type: 'float32', dims: shape, data: new Float32Array(size) };
    for (const [r, { tensors, row, length }] of rows.entries()) {
      const tensor = present(tensors[name], name);
      if (tensor.type !== whole.type) throw new Error(`${name} is ${tensor.type}`);
      const stored = lengthOf(tensor);
      const skipped = side === 'first' ? 0 : stored - length;
      const pad = side === 'first' ? 0 : most - length;
      for (let head = 0; head < heads; head++) {
        const from = ((row * heads + head) * stored + skipped) * width;
        const to = ((r * heads + head) * most + pad) * width;
        whole.data.set(tensor.data.subarray(from, from + length * width), to);
      }
    }
    return [name, whole];
  });
  return { tensors: Object.fromEntries(gathered), length: most };
}

/** Feeds of the tokens before a run. */
export function pastFeeds(rows: readonly CacheRow[]): Record<string, Tensor> {
  const { tensors, length } = gather(rows, 'last');
  const hidden = new Uint8Array(rows.length * length);
  for (const [r, row] of rows.entries())
    hidden.fill(1, r * length, r * length + length - row.length);
  return { ...tensors, past_hidden: bool([rows.length, length], hidden) };
}

/** Feeds of a context whose keys and values are known. Where all see the same, they are targets of one row. */
export function contextFeeds(rows: readonly CacheRow[]): Record<string, Tensor> {
  const first = itemAt(rows, 0, 'rows of contexts');
  const areSame = rows.every(({ tensors, row }) => tensors === first.tensors && row === first.row);
  const { tensors, length } = gather(areSame ? [first] : rows, 'first');
  const hidden = new Uint8Array(rows.length * length);
  for (const [r, row] of rows.entries()) hidden.fill(1, r * length + row.length, (r + 1) * length);
  const [batch, targets] = areSame ? [1, rows.length] : [rows.length, 1];
  return {
    ...tensors,
    context_index: int64([batch, 0], []),
    context_hidden: bool([batch, targets, length], hidden),
  };
}

/** Tensors that a run gave, under the names that the next one takes them by. */
export function tensorsGiven(
  manifest: FmManifest,
  outputs: CacheTensors,
  [given, taken]: readonly ['next', 'cache'] | readonly ['context_next', 'context_cache'],
): CacheTensors {
  const names = cacheNamesOf(manifest, taken);
  return Object.fromEntries(
    cacheNamesOf(manifest, given).map((name, i) => [
      itemAt(names, i, 'names of caches'),
      present(outputs[name], `output ${name}`),
    ]),
  );
}
