/** The reference vectors beside the repository, and how far an output is from them. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../../worker/safetensors/checkpoint.ts';
import type { FloatTensor, IntTensor, Tensor } from '../../worker/session/types.ts';

/** Nearest folder above that holds the formatter config: works from `test/` and from `dist/test/`. */
function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'biome.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return process.cwd();
    folder = parent;
  }
  return folder;
}

export const REPOSITORY = repositoryRoot();

/** `FOURM_SHARED`, or the folder `shared` beside the repository. */
export const SHARED_FOLDER = process.env.FOURM_SHARED ?? join(REPOSITORY, '..', 'shared');

export const sharedPath = (...path: string[]): string => join(SHARED_FOLDER, ...path);

/** A reason to skip, for node:test's `skip` option, or false where the folder is there. */
export const skipWithout = (...path: string[]): string | false =>
  existsSync(sharedPath(...path)) ? false : `no reference vectors at ${sharedPath(...path)}`;

/** Every tensor of a safetensors file; U8 (the vectors' booleans) comes as `bool`. */
export async function readTensors(file: string): Promise<Record<string, Tensor>> {
  const checkpoint = await openCheckpoint(file);
  try {
    const tensors: Record<string, Tensor> = {};
    for (const { name, type, shape } of checkpoint.tensors.values()) {
      const dims = [...shape];
      if (type === 'I64') {
        const bytes = await checkpoint.read(name);
        tensors[name] = { type: 'int64', dims, data: new BigInt64Array(bytes.buffer) };
      } else if (type === 'U8' || type === 'BOOL') {
        tensors[name] = { type: 'bool', dims, data: await checkpoint.read(name) };
      } else {
        tensors[name] = { type: 'float32', dims, data: await checkpoint.readFloats(name) };
      }
    }
    return tensors;
  } finally {
    await checkpoint.close();
  }
}

type Tensors = Readonly<Record<string, Tensor>>;

export function floats(tensors: Tensors, name: string): FloatTensor {
  const tensor = tensors[name];
  if (tensor?.type !== 'float32') throw new Error(`no float tensor ${name}`);
  return tensor;
}

export function ints(tensors: Tensors, name: string): IntTensor {
  const tensor = tensors[name];
  if (tensor?.type !== 'int64') throw new Error(`no integer tensor ${name}`);
  return tensor;
}

/** Largest absolute difference, divided by the largest absolute value expected. NaN counts as infinite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, ${expected.length} expected`);
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    difference = Math.max(difference, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance);
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference / (scale || 1);
}
