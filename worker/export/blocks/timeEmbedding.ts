/** A diffusion timestep as a vector. */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';
import { activate } from './mlp.ts';

const LONGEST_PERIOD = 10000;

/**
 * Cosines, then sines, of the timestep at `size / 2` frequencies from 1 down to almost 1 / 10000.
 * @param timestep int64 (B)
 * @returns (B, size)
 */
export function sinusoids(module: Module, timestep: Value, size: number): Value {
  const { graph } = module;
  const half = size / 2;
  // Rounded to float32 where PyTorch rounds: times a timestep of 999 an error would count.
  const exponent = Math.fround(-Math.log(LONGEST_PERIOD));
  const frequencies = Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(exponent * i) / half)),
  );
  const time = module.node('time', 'Cast', [timestep], { to: ELEMENT_TYPES.float32 });
  const column = module.node('column', 'Unsqueeze', [time, graph.int64([1])]); // (B, 1)
  const angles = module.node('angles', 'Mul', [column, graph.float32(frequencies)]);
  const waves = [module.node('Cos', 'Cos', [angles]), module.node('Sin', 'Sin', [angles])];
  return module.node('sinusoids', 'Concat', waves, { axis: -1 });
}

/**
 * The two layers after the sinusoids, and the SiLU that every block puts before its own layer.
 * @param layers where the first and the second layer are
 * @param x (B, size)
 * @returns (B, 4 * size)
 */
export function timeEmbedding(
  module: Module,
  layers: readonly [Module, Module],
  x: Value,
  size: number,
): Value {
  const width = 4 * size;
  const inner = activate(module.at('inner'), linear(layers[0], x, [size, width], true), 'SiLU');
  const outer = linear(layers[1], inner, [width, width], true);
  return activate(module, outer, 'SiLU');
}
