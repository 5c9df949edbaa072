/**
 * Where values have 16 bits. Precision fp16 has its graphs in two forms over one file of weights. In the one
 * for devices that compute in 16 bits, products, attention and activations work on halves; what flows from
 * block to block, norms, logits and sampling stay float32, as their sums and small differences need more. In
 * the other, for CPUs, and in the other precisions, everything here leaves its value as it is.
 */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';

/** float32 -> what products read. @param name of the node, where there is one */
export const narrow = (module: Module, x: Value, name: string): Value =>
  module.weights.form === 'half'
    ? module.node(name, 'Cast', [x], { to: ELEMENT_TYPES.float16 })
    : x;

/** What products give -> float32. @param name of the node, where there is one */
export const widen = (module: Module, x: Value, name: string): Value =>
  module.weights.form === 'half'
    ? module.node(name, 'Cast', [x], { to: ELEMENT_TYPES.float32 })
    : x;

/** A number beside narrow values. */
export const narrowConstant = (module: Module, value: number): Value =>
  module.weights.form === 'half' ? module.graph.float16(value) : module.graph.float32(value);
