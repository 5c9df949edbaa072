/** Tensor names as the model has them, where training wrappers have put theirs in front. */
import type { Checkpoint } from './checkpoint.ts';
import { SafetensorsError } from './errors.ts';

/** Distributed training adds `module.`, compilation `_orig_mod.`, and wrapping classes `model.`. */
const WRAPPERS = ['module.', '_orig_mod.', 'model.'];

/** The wrappers' prefix that all names share, with several wrappers one after the other; else ''. */
export function wrapperPrefix(names: Iterable<string>): string {
  const all = [...names];
  let prefix = '';
  for (;;) {
    const next = WRAPPERS.find((wrapper) => all.every((name) => name.startsWith(prefix + wrapper)));
    if (next === undefined || all.length === 0) return prefix;
    prefix += next;
  }
}

/**
 * The checkpoint with the names behind a prefix, and only with the tensors whose names have it.
 * @throws SafetensorsError where no name has it
 */
export function withoutPrefix(checkpoint: Checkpoint, prefix: string): Checkpoint {
  if (prefix === '') return checkpoint;
  const tensors = new Map(
    [...checkpoint.tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => {
        const short = name.slice(prefix.length);
        return [short, { ...tensor, name: short }] as const;
      }),
  );
  if (tensors.size === 0)
    throw new SafetensorsError(checkpoint.file, `no tensor's name begins with "${prefix}"`);
  return {
    ...checkpoint,
    tensors,
    read: (name) => checkpoint.read(prefix + name),
    readFloats: (name) => checkpoint.readFloats(prefix + name),
    readRows: (name, first, count) => checkpoint.readRows(prefix + name, first, count),
  };
}
