/** The files of a checkpoint and what their headers say: one file, or the shards of an index. */
import { dirname, join } from 'node:path';
import { printable, SafetensorsError } from './errors.ts';
import { foreignFormat, TELLING_BYTES } from './foreign.ts';
import { headerLength, parseHeader, type SafetensorsHeader, type StoredTensor } from './header.ts';
import { INDEX_ENDING, readIndex, type ShardIndex } from './shardIndex.ts';
import type { ByteSource, OpenSource } from './source.ts';

export interface OpenShards extends SafetensorsHeader {
  /** File -> its bytes, in the order of the shards' names. */
  readonly sources: ReadonlyMap<string, ByteSource>;
}

interface Shard extends SafetensorsHeader {
  readonly file: string;
  readonly source: ByteSource;
}

/**
 * Opens a file, or the shards of an index, and reads their headers.
 * @throws SafetensorsError, and what `open` throws
 */
export async function openShards(file: string, open: OpenSource): Promise<OpenShards> {
  if (!file.endsWith(INDEX_ENDING)) {
    const { source, tensors, metadata } = await openShard(file, open);
    return { tensors, metadata, sources: new Map([[file, source]]) };
  }
  const index = await readIndex(file, await open(file));
  const sources = new Map<string, ByteSource>();
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map(Object.entries(index.metadata));
  for (const name of index.shards) {
    const shard = await openShard(join(dirname(file), name), open).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
        throw new SafetensorsError(file, `shard ${name} is missing`, undefined, { cause });
      throw cause;
    });
    checkShard(file, index, name, shard);
    sources.set(shard.file, shard.source);
    for (const tensor of shard.tensors.values()) tensors.set(tensor.name, tensor);
    addMetadata(metadata, shard);
  }
  return { sources, tensors, metadata: Object.fromEntries(metadata) };
}

async function openShard(file: string, open: OpenSource): Promise<Shard> {
  const source = await open(file);
  const start = await source.read(0, Math.min(TELLING_BYTES, source.size));
  try {
    const length = headerLength(file, start, source.size);
    const header = parseHeader(file, await source.read(8, length), source.size);
    return { file, source, ...header };
  } catch (cause) {
    const problem = cause instanceof SafetensorsError && foreignFormat(file, start);
    throw problem ? new SafetensorsError(file, problem, undefined, { cause }) : cause;
  }
}

/** Index and shard name the same tensors, so that no tensor is in two shards either. */
function checkShard(indexFile: string, index: ShardIndex, name: string, shard: Shard): void {
  for (const tensor of shard.tensors.keys()) {
    const expected = index.shardOf.get(tensor);
    if (expected === undefined)
      throw new SafetensorsError(shard.file, `not in the index ${indexFile}`, tensor);
    if (expected !== name)
      throw new SafetensorsError(
        shard.file,
        `the index ${indexFile} has it in ${expected}`,
        tensor,
      );
  }
  for (const [tensor, expected] of index.shardOf)
    if (expected === name && !shard.tensors.has(tensor))
      throw new SafetensorsError(
        shard.file,
        `missing, though the index ${indexFile} names it`,
        tensor,
      );
}

function addMetadata(metadata: Map<string, string>, shard: Shard): void {
  for (const [key, value] of Object.entries(shard.metadata)) {
    const before = metadata.get(key) ?? value;
    if (before !== value)
      throw new SafetensorsError(
        shard.file,
        `__metadata__.${printable(key)} is "${printable(value)}", "${printable(before)}" in the index or another shard`,
      );
    metadata.set(key, value);
  }
}
