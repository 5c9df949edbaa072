/** The residual MLP of the tokenizers of vectors (global embeddings, poses), `BottleneckMLP/B_6-Wi_1024`. */
import type { Value } from '../../onnx/graph.ts';
import { ExportError } from '../errors.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';
import { activate } from './mlp.ts';
import { layerNorm } from './norm.ts';

const EPSILON = 1e-5;

export interface BottleneckShape {
  readonly blocks: number;
  readonly width: number;
  readonly expansion: number;
}

/** Reads `BottleneckMLP/B_{blocks}-Wi_{width}[-Ex_{expansion}]`. @throws ExportError `unsupported` */
export function parseBottleneck(type: string): BottleneckShape {
  const match = /^BottleneckMLP\/B_(\d+)-Wi_(\d+)(?:-Ex_(\d+))?$/.exec(type);
  if (!match) throw new ExportError('unsupported', `the MLP ${type} is not supported`);
  return { blocks: Number(match[1]), width: Number(match[2]), expansion: Number(match[3] ?? 4) };
}

/** x (B, inputs) -> (B, outputs) */
export function bottleneckMlp(
  module: Module,
  x: Value,
  { blocks, width, expansion }: BottleneckShape,
  [inputs, outputs]: readonly [number, number],
): Value {
  const hidden = expansion * width;
  let out = linear(module.at('linear_in'), x, [inputs, width], true);
  for (let i = 0; i < blocks; i++) {
    const block = module.at('blocks', i);
    const normed = layerNorm(module.at('layernorms', i), out, width, EPSILON);
    const inner = linear(block.at('block', 0), normed, [width, hidden], true);
    const fed = linear(block.at('block', 2), activate(block, inner, 'GELU'), [hidden, width], true);
    out = block.node('after_block', 'Add', [out, fed]);
  }
  return linear(module.at('linear_out'), out, [width, outputs], true);
}
