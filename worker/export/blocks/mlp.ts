/** The feed-forward half of a transformer block. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { narrow, widen } from './half.ts';
import { type Operand, quantizeRows } from './integerProduct.ts';
import { narrowLinear } from './linear.ts';
import { productBeforeScales, sharedOperand } from './matrix.ts';

export type Activation = 'SiLU' | 'GELU';

export interface MlpShape {
  readonly dim: number;
  readonly hidden: number;
  readonly gated: boolean;
  readonly bias: boolean;
  readonly activation: Activation;
}

/** SwiGLU keeps the parameter count of a plain MLP by a factor of 2/3, truncated as in the reference. */
export const hiddenSize = (dim: number, ratio: number, gated: boolean): number =>
  Math.trunc(gated ? (2 * (dim * ratio)) / 3 : dim * ratio);

/** `fc2(act(fc1(x)))`, or gated `fc2(act(fc1(x)) * fc3(x))`; x and result float32 (B, N, dim). */
export function mlp(module: Module, x: Value, shape: MlpShape): Value {
  const { dim, hidden, bias } = shape;
  const read = shape.gated ? sharedOperand(module, x, dim) : narrow(module, x, 'x/half');
  const gate = activate(
    module,
    narrowLinear(module.at('fc1'), read, [dim, hidden], bias, 'feed_forward'),
    shape.activation,
  );
  const inner = shape.gated ? gatedInner(module, gate, read, shape) : gate;
  const fed = narrowLinear(module.at('fc2'), inner, [hidden, dim], bias, 'feed_forward');
  return widen(module, fed, 'wide');
}

/** `gate * fc3(x)`, as `fc2` reads it. */
function gatedInner(
  module: Module,
  gate: Value,
  read: Operand,
  { dim, hidden, bias }: MlpShape,
): Operand {
  const multiply = (values: Value) => module.node('gated', 'Mul', [gate, values]);
  if (typeof read === 'string' || bias)
    return multiply(narrowLinear(module.at('fc3'), read, [dim, hidden], bias, 'feed_forward'));
  const rows = quantizeRows(
    module.at('fc2'),
    multiply(productBeforeScales(module.at('fc3'), read, [dim, hidden])),
    hidden,
  );
  return { codes: rows.codes, scales: module.node('scales', 'Mul', [rows.scales, read.scales]) };
}

/** SiLU is x * sigmoid(x); GELU is the exact one, by erf. */
export function activate(module: Module, x: Value, activation: Activation): Value {
  // The standard's own came after the opset of the graphs that compute in 16 bits.
  if (activation === 'GELU')
    return module.node('gelu', module.weights.form === 'half' ? 'com.microsoft.Gelu' : 'Gelu', [x]);
  return module.node('silu', 'Mul', [x, module.node('sigmoid', 'Sigmoid', [x])]);
}
