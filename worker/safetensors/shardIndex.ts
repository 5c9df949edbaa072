/**
 * The index of a checkpoint in several files, as the Hugging Face hub has it:
 * `{"metadata": {...}, "weight_map": {"tensor": "model-00001-of-00002.safetensors"}}`.
 */
import { printable, SafetensorsError } from './errors.ts';
import { MAX_HEADER_BYTES } from './header.ts';
import { isRecord, parseObject } from './json.ts';
import type { ByteSource } from './source.ts';

export const INDEX_ENDING = '.safetensors.index.json';

export interface ShardIndex {
  /** Tensor -> the name of the file that holds it, in the index's own folder. */
  readonly shardOf: ReadonlyMap<string, string>;
  /** Without repetition, sorted. */
  readonly shards: readonly string[];
  /** Entries of `metadata` that are text; the usual `total_size` is a number. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** @throws SafetensorsError where it is not such an index, or a shard's name leads out of the folder */
export async function readIndex(file: string, source: ByteSource): Promise<ShardIndex> {
  if (source.size > MAX_HEADER_BYTES)
    throw new SafetensorsError(
      file,
      `index of ${source.size} bytes, at most ${MAX_HEADER_BYTES} allowed`,
    );
  const parsed = parseObject(file, 'the index', await source.read(0, source.size));
  const { weight_map: map, metadata = {} } = parsed;
  if (!isRecord(map)) throw new SafetensorsError(file, 'weight_map is not an object');
  if (!isRecord(metadata)) throw new SafetensorsError(file, 'metadata is not an object');
  const shardOf = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (!isShardName(shard))
      throw new SafetensorsError(
        file,
        `${typeof shard === 'string' ? `"${printable(shard)}"` : 'its shard'} is not the name of a .safetensors file in the same folder`,
        tensor,
      );
    shardOf.set(tensor, shard);
  }
  if (shardOf.size === 0) throw new SafetensorsError(file, 'weight_map is empty');
  return {
    shardOf,
    shards: [...new Set(shardOf.values())].sort(),
    metadata: Object.fromEntries(
      Object.entries(metadata).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
  };
}

const isShardName = (value: unknown): value is string =>
  typeof value === 'string' && /^[^/\\:\p{Cc}]+\.safetensors$/u.test(value);
