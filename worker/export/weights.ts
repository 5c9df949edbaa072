/**
 * Weights are asked for by name *and* expected shape; what is missing, misshapen or left over fails by
 * name, so that an export either uses the whole checkpoint as we understand it or does not happen.
 */

import type { GraphForm } from '../../shared/model/graphForms.ts';
import type { Precision } from '../../shared/model/precisions.ts';
import type { ExternalTensor } from '../onnx/graph.ts';
import type { ElementType } from '../onnx/model.ts';
import type { Checkpoint } from '../safetensors/checkpoint.ts';
import type { StoredTensor, StoredType } from '../safetensors/header.ts';
import { ExportError } from './errors.ts';
import type { Encoding } from './precision/encodings.ts';
import type { WeightPlan } from './weightPlan.ts';

const ELEMENT_TYPE: Partial<Record<StoredType, ElementType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
};

export interface Weights {
  readonly precision: Precision;
  /** What graphs over them are made for, see `blocks/half.ts` and `blocks/integerProduct.ts`. */
  readonly form: GraphForm;
  /** Narrows to `prefix.` names: `scope('encoder', 3)` for `encoder.3.*`. */
  scope(...path: readonly (string | number)[]): Weights;
  has(name: string): boolean;
  /** Shape of a tensor as stored, for sizes that only the weights tell. @throws ExportError `missing_tensor` */
  shape(name: string): readonly number[];
  /**
   * A floating-point tensor of exactly this shape, in the type it is stored in.
   * @param as dims to read the same bytes under, such as a 1x1 convolution as a matrix
   * @throws ExportError `missing_tensor`, `wrong_shape`, `unsupported`
   */
  tensor(name: string, shape: readonly number[], as?: readonly number[]): ExternalTensor;
  /**
   * A tensor of exactly this shape as a matrix of shape[0] rows, in a smaller encoding; not in fp32.
   * @returns the encoding's parts
   * @throws as `tensor`
   */
  encoded(name: string, shape: readonly number[], encoding: Encoding): readonly ExternalTensor[];
  /** True where the tensor holds nothing but zeros, such as the bias buffer of a LayerNorm without bias. */
  isZero(name: string): boolean;
  /** @throws ExportError `unused_tensor` for any tensor never asked for and not `allowed` */
  assertAllUsed(allowed: readonly string[] | ((name: string) => boolean)): void;
  /** The tensors that were asked for. */
  used(): readonly StoredTensor[];
  /** Numbers in the tensors that were asked for, without zeros and tables of fixed positions. */
  parameters(): number;
}

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);

/**
 * Opens the weights of one or several checkpoints that make one model (a backbone and its head). Vectors
 * named `*.bias` are looked at once here, so that graphs can be written without reading anything.
 * @param plan where the tensors will lie in the exported folder
 * @param form of the graphs
 * @throws ExportError `config` where two checkpoints hold a tensor of the same name
 */
export async function openWeights(
  checkpoints: readonly Checkpoint[],
  precision: Precision,
  plan: WeightPlan,
  form: GraphForm = 'plain',
): Promise<Weights> {
  const tensors = new Map<string, { readonly from: Checkpoint; readonly tensor: StoredTensor }>();
  const zeros = new Set<string>();
  for (const from of checkpoints)
    for (const tensor of from.tensors.values()) {
      const { name, shape, type } = tensor;
      if (tensors.has(name))
        throw new ExportError('config', `${from.file}: tensor ${name} is in another file as well`);
      tensors.set(name, { from, tensor });
      if (!name.endsWith('.bias') || shape.length !== 1 || !ELEMENT_TYPE[type]) continue;
      if ((await from.readFloats(name)).every((value) => value === 0)) zeros.add(name);
    }
  const used = new Set<string>();
  const files = checkpoints.map(({ file }) => file).join(', ');

  const find = (name: string) => {
    const found = tensors.get(name);
    if (!found) throw new ExportError('missing_tensor', `${files}: tensor ${name} is missing`);
    return found;
  };
  const ask = (name: string, shape: readonly number[]) => {
    const { from, tensor } = find(name);
    const { file } = tensor;
    if (tensor.shape.join() !== shape.join())
      throw new ExportError(
        'wrong_shape',
        `${file}: tensor ${name} is [${tensor.shape.join(', ')}], [${shape.join(', ')}] expected`,
      );
    const type = ELEMENT_TYPE[tensor.type];
    if (!type)
      throw new ExportError(
        'unsupported',
        `${file}: tensor ${name} is ${tensor.type}; weights are F32, F16 or BF16`,
      );
    used.add(name);
    return { from, tensor, type };
  };

  const scoped = (prefix: string): Weights => ({
    precision,
    form,
    scope: (...path) => scoped(`${prefix}${path.join('.')}.`),
    has: (name) => tensors.has(prefix + name),
    shape: (name) => find(prefix + name).tensor.shape,
    isZero: (name) => zeros.has(prefix + name),
    tensor(shortName, shape, as = shape) {
      const { from, tensor, type } = ask(prefix + shortName, shape);
      return { name: tensor.name, type, dims: as, ...plan.stored(from, tensor) };
    },
    encoded(shortName, shape, encoding) {
      const { from, tensor } = ask(prefix + shortName, shape);
      return plan.encoded(from, tensor, encoding);
    },
    assertAllUsed(allowed) {
      const isAllowed = (name: string) =>
        typeof allowed === 'function' ? allowed(name) : allowed.includes(name);
      for (const [name, { tensor }] of tensors) {
        if (used.has(name) || isAllowed(name)) continue;
        throw new ExportError(
          'unused_tensor',
          `${tensor.file}: tensor ${name} has no place in the model that the config describes`,
        );
      }
    },
    used: () => [...used].map((name) => find(name).tensor),
    parameters: () =>
      [...used]
        .filter((name) => !zeros.has(name) && !isFixedTable(name))
        .reduce((sum, name) => sum + sizeOf(find(name).tensor.shape), 0),
  });
  return scoped('');
}

/** Sine tables of positions are stored, but computed; only the global embeddings learn theirs. */
const isFixedTable = (name: string): boolean =>
  name.endsWith('pos_emb') && !name.includes('_global.');
