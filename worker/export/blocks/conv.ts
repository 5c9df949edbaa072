/** Convolutions, on PyTorch's weights. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { kernelWeight } from './matrix.ts';

export interface ConvShape {
  readonly inputs: number;
  readonly outputs: number;
  /** Side of the square kernel, or length of a one-dimensional one. */
  readonly kernel: number;
  /** 1 unless given. */
  readonly stride?: number;
  /** Zeros added on every side; 0 unless given. */
  readonly padding?: number;
  /** `inputs` of them make a depthwise convolution; 1 unless given. */
  readonly groups?: number;
  /** Whether the layer has one, true unless given; none is asked of the checkpoint otherwise. */
  readonly bias?: boolean;
  /** Dimensions that the kernel moves along; 2 unless given. */
  readonly axes?: 1 | 2;
}

/**
 * @param x (B, inputs, H, W), or (B, inputs, N) for one axis
 * @returns (B, outputs, H', W'), H' = floor((H + 2 * padding - kernel) / stride) + 1
 */
export function conv(module: Module, x: Value, shape: ConvShape): Value {
  const { inputs, outputs, kernel, stride = 1, padding = 0, groups = 1, axes = 2 } = shape;
  const along = (size: number) => Array.from({ length: axes }, () => size);
  const weight = kernelWeight(module, [outputs, inputs / groups, ...along(kernel)]);
  return module.node('Conv', 'Conv', withBias(module, [x, weight], shape), {
    group: groups,
    kernel_shape: along(kernel),
    strides: along(stride),
    pads: [...along(padding), ...along(padding)],
  });
}

/**
 * The transposed convolution whose kernels lie side by side: every pixel becomes a square of `kernel`.
 * @param x (B, inputs, H, W)
 * @returns (B, outputs, H * kernel, W * kernel)
 */
export function unfoldingConv(
  module: Module,
  x: Value,
  shape: Pick<ConvShape, 'inputs' | 'outputs' | 'kernel' | 'bias'>,
): Value {
  const { inputs, outputs, kernel } = shape;
  const weight = kernelWeight(module, [inputs, outputs, kernel, kernel]);
  return module.node('ConvTranspose', 'ConvTranspose', withBias(module, [x, weight], shape), {
    kernel_shape: [kernel, kernel],
    strides: [kernel, kernel],
  });
}

const withBias = (
  module: Module,
  operands: readonly Value[],
  { outputs, bias = true }: Pick<ConvShape, 'outputs' | 'bias'>,
): readonly Value[] => (bias ? [...operands, module.weight('bias', [outputs])] : operands);
