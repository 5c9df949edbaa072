/**
 * What onnxruntime's CUDA provider has kernels for: the operators that our graphs use, their versions up to opset
 * 23 (`docs/Changelog.md` of onnx/onnx), and versions and input types of the kernels. These are from
 * `docs/OperatorKernels.md` of microsoft/onnxruntime at 001d12d2623f; kernels for versions 21 to 23 of
 * `ConstantOfShape`, `Identity`, `If`, `Loop` and `Size` came later, with its pull request 27728.
 */
import type { ElementType, Opset } from '../../worker/onnx/model.ts';

type Types = readonly ElementType[];
type Kernel = readonly [first: number, last?: number];

export interface CudaOperator {
  readonly versions: readonly number[];
  readonly kernels: readonly Kernel[];
  /** Types by input; the last one counts for all further inputs. */
  readonly inputs: readonly Types[];
}

const FLOATS: Types = ['float16', 'float32'];
const NUMBERS: Types = [...FLOATS, 'int32', 'int64'];
const ARITHMETIC: Types = [...NUMBERS, 'int8', 'uint8'];
const ALL: Types = [...ARITHMETIC, 'bool'];
const WHOLE: Types = ['int32', 'int64'];
const LONG: Types = ['int64'];
const BOOL: Types = ['bool'];

/** @param version the only one, which the kernel names */
const one = (version: number, ...inputs: readonly Types[]): CudaOperator => ({
  versions: [version],
  kernels: [[version]],
  inputs,
});
const many = (
  versions: readonly number[],
  kernels: readonly Kernel[],
  ...inputs: readonly Types[]
): CudaOperator => ({ versions, kernels, inputs });

const CONTROL = [16, 19, 21, 23];
const SHAPES = [13, 21, 23];
const SHAPE_KERNELS: readonly Kernel[] = [[13, 20], [21, 22], [23]];

export const CUDA_OPERATORS: Readonly<Record<string, CudaOperator>> = {
  Add: one(14, ARITHMETIC),
  And: one(7, BOOL),
  ArgMax: one(13, FLOATS),
  Attention: many([23], [[23, 23]], FLOATS, FLOATS, FLOATS, [...FLOATS, 'bool'], FLOATS),
  Cast: many([13, 19, 21, 23], [[13, 18], [19, 20], [21, 22], [23]], ALL),
  Concat: one(13, ALL),
  ConstantOfShape: many([9, 20, 21, 23], [[9], [21, 22], [23, 23]], LONG),
  Conv: many([11, 22], [[11, 21], [22]], FLOATS),
  ConvTranspose: many([11, 22], [[11]], FLOATS),
  Cos: many([7, 22], [[7]], FLOATS),
  CumSum: one(14, NUMBERS, WHOLE),
  DepthToSpace: one(13, FLOATS),
  Div: one(14, ARITHMETIC),
  Equal: many([13, 19], [[13]], [...NUMBERS, 'bool']),
  Exp: one(13, FLOATS),
  Expand: one(13, ALL, LONG),
  EyeLike: many([9, 22], [[9]], ['float32', 'int32', 'int64']),
  Floor: one(13, FLOATS),
  Gather: one(13, ALL, WHOLE),
  GatherElements: one(13, ALL, WHOLE),
  GatherND: one(13, [...FLOATS, 'int64', 'bool'], LONG),
  Gelu: one(20, FLOATS),
  Greater: one(13, NUMBERS),
  GreaterOrEqual: one(16, NUMBERS),
  Identity: many(CONTROL, [[14, 18], [19], [21, 22], [23, 23]], ALL),
  If: many(CONTROL, [[13, 18], [19], [21, 22], [23, 23]], BOOL),
  LayerNormalization: one(17, FLOATS),
  Less: one(13, NUMBERS),
  LessOrEqual: one(16, NUMBERS),
  Loop: many(CONTROL, [[13, 18], [19], [21, 22], [23, 23]], LONG, BOOL, ALL),
  MatMul: one(13, FLOATS),
  Max: one(13, NUMBERS),
  Min: one(13, NUMBERS),
  Mod: one(13, NUMBERS),
  Mul: one(14, ARITHMETIC),
  Neg: one(13, [...NUMBERS, 'int8']),
  Not: one(1, BOOL),
  Or: one(7, BOOL),
  Pad: many([18, 19, 21, 23], [[18]], [...FLOATS, 'bool'], LONG, [...FLOATS, 'bool'], WHOLE),
  Range: one(11, ['float32', 'int32', 'int64']),
  ReduceL2: one(18, [...FLOATS, 'int32'], LONG),
  ReduceMax: many([18, 20], [[18]], NUMBERS, LONG),
  ReduceMean: one(18, [...FLOATS, 'int32'], LONG),
  ReduceMin: many([18, 20], [[18]], ARITHMETIC, LONG),
  ReduceSum: one(13, NUMBERS, LONG),
  ReduceSumSquare: one(18, FLOATS, LONG),
  Reshape: many([14, 19, 21, 23], [[14, 18], [19, 20], [21, 22], [23]], ALL, LONG),
  Resize: many(
    [18, 19],
    [[18, 18], [19]],
    [...FLOATS, 'int32', 'uint8'],
    FLOATS,
    ['float32'],
    LONG,
  ),
  Shape: many([15, 19, 21, 23], [[15, 18], [19, 20], [21, 22], [23]], ALL),
  Sigmoid: one(13, FLOATS),
  Sin: many([7, 22], [[7]], FLOATS),
  Size: many([13, 19, 21, 23], [[13], [21, 22], [23, 23]], ALL),
  Slice: one(13, ALL, WHOLE),
  Softmax: one(13, FLOATS),
  Split: one(18, ALL, LONG),
  Sqrt: one(13, FLOATS),
  Squeeze: many(SHAPES, SHAPE_KERNELS, ALL, LONG),
  Sub: one(14, ARITHMETIC),
  Tanh: one(13, FLOATS),
  TopK: one(11, NUMBERS, LONG),
  Transpose: many(SHAPES, SHAPE_KERNELS, ALL),
  Unsqueeze: many(SHAPES, SHAPE_KERNELS, ALL, LONG),
  Where: one(16, BOOL, [...NUMBERS, 'uint8']),
  'com.microsoft.FusedMatMul': one(1, FLOATS),
  'com.microsoft.Gelu': one(1, FLOATS),
  'com.microsoft.MultiHeadAttention': one(1, FLOATS),
};

/**
 * A kernel without a last version serves the version that it names and no later one; one with a last version
 * serves all from its first to its last (`VerifyVersion` in onnxruntime's `kernel_registry.cc`).
 */
export function hasKernel(
  name: string,
  opset: Opset,
  types: readonly (ElementType | '')[],
): boolean {
  const known = CUDA_OPERATORS[name];
  if (!known) return false;
  const version = Math.max(...known.versions.filter((one) => one <= opset));
  const serves = ([first, last]: Kernel): boolean =>
    first === version || (last !== undefined && first <= version && version <= last);
  const last = known.inputs.at(-1) ?? [];
  return (
    known.kernels.some(serves) &&
    types.every((type, i) => type === '' || (known.inputs[i] ?? last).includes(type))
  );
}
