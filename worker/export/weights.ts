/**
 * Weights are asked for by name *and* expected shape; what is missing, misshapen or left over fails by
 * name, so that an export either uses the whole checkpoint as we understand it or does not happen.
 */

import type { ExternalTensor } from '../onnx/graph.ts';
import type { ElementType } from '../onnx/model.ts';
import type { Checkpoint } from '../safetensors/checkpoint.ts';
import type { StoredType } from '../safetensors/header.ts';
import { ExportError } from './errors.ts';

/** The checkpoint's name inside an exported folder, where graphs look for their weights. */
export const WEIGHTS_FILE = 'weights.safetensors';

const ELEMENT_TYPE: Partial<Record<StoredType, ElementType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

export interface Weights {
  /** Narrows to `prefix.` names: `scope('encoder', 3)` for `encoder.3.*`. */
  scope(...path: readonly (string | number)[]): Weights;
  has(name: string): boolean;
  /** Shape of a tensor as stored, for sizes that only the weights tell. @throws ExportError `missing_tensor` */
  shape(name: string): readonly number[];
  /**
   * A floating-point tensor of exactly this shape.
   * @param as dims to read the same bytes under, such as a 1x1 convolution as a matrix
   * @throws ExportError `missing_tensor`, `wrong_shape`
   */
  tensor(name: string, shape: readonly number[], as?: readonly number[]): ExternalTensor;
  /** True where the tensor holds nothing but zeros, such as the bias buffer of a LayerNorm without bias. */
  isZero(name: string): boolean;
  /** @throws ExportError `unused_tensor` for any tensor never asked for and not among `allowed` */
  assertAllUsed(allowed: readonly string[]): void;
}

/**
 * Opens the weights of a checkpoint. Vectors named `*.bias` are looked at once here, so that graphs can
 * be written without reading anything.
 */
export async function openWeights(checkpoint: Checkpoint): Promise<Weights> {
  const zeros = new Set<string>();
  for (const { name, shape, type } of checkpoint.tensors.values()) {
    if (!name.endsWith('.bias') || shape.length !== 1 || !ELEMENT_TYPE[type]) continue;
    if ((await checkpoint.readFloats(name)).every((value) => value === 0)) zeros.add(name);
  }
  const used = new Set<string>();

  const find = (name: string) => {
    const tensor = checkpoint.tensors.get(name);
    if (!tensor)
      throw new ExportError('missing_tensor', `${checkpoint.file}: tensor ${name} is missing`);
    return tensor;
  };

  const scoped = (prefix: string): Weights => ({
    scope: (...path) => scoped(`${prefix}${path.join('.')}.`),
    has: (name) => checkpoint.tensors.has(prefix + name),
    shape: (name) => find(prefix + name).shape,
    isZero: (name) => zeros.has(prefix + name),
    tensor(shortName, shape, as = shape) {
      const name = prefix + shortName;
      const tensor = find(name);
      if (tensor.shape.join() !== shape.join())
        throw new ExportError(
          'wrong_shape',
          `${checkpoint.file}: tensor ${name} is [${tensor.shape.join(', ')}], [${shape.join(', ')}] expected`,
        );
      const type = ELEMENT_TYPE[tensor.type];
      if (!type)
        throw new ExportError(
          'unsupported',
          `${checkpoint.file}: tensor ${name} is ${tensor.type}; weights are F32, F16 or BF16`,
        );
      used.add(name);
      const { offset, length } = tensor;
      return { name, type, dims: as, file: WEIGHTS_FILE, offset, length };
    },
    assertAllUsed(allowed) {
      for (const name of checkpoint.tensors.keys()) {
        if (used.has(name) || allowed.includes(name)) continue;
        throw new ExportError(
          'unused_tensor',
          `${checkpoint.file}: tensor ${name} has no place in the model that the config describes`,
        );
      }
    },
  });
  return scoped('');
}
