/** The MLPs of the tokenizers of vectors (global embeddings, poses): residual blocks, or plain layers. */
import type { Value } from '../../onnx/graph.ts';
import { ExportError } from '../errors.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';
import { activate } from './mlp.ts';
import { layerNorm } from './norm.ts';

const EPSILON = 1e-5;

export interface VectorMlpShape {
  /** Residual blocks with GELU (`BottleneckMLP`), or layers of norm and product only (`MLP`). */
  readonly kind: 'bottleneck' | 'plain';
  readonly blocks: number;
  readonly width: number;
  /** Of a block's inner width over `width`; a plain MLP has none. */
  readonly expansion: number;
}

/**
 * Reads `BottleneckMLP/B_{blocks}-Wi_{width}[-Ex_{expansion}]`, or the same of `MLP`.
 * @param key the config's, for the error
 * @throws ExportError `unsupported`
 */
export function parseMlp(key: string, type: string): VectorMlpShape {
  const match = /^(Bottleneck)?MLP\/B_([1-9]\d*)-Wi_([1-9]\d*)(?:-Ex_([1-9]\d*))?$/.exec(type);
  if (!match) throw new ExportError('unsupported', `${key}: the MLP ${type} is not supported`);
  return {
    kind: match[1] ? 'bottleneck' : 'plain',
    blocks: Number(match[2]),
    width: Number(match[3]),
    expansion: Number(match[4] ?? 4),
  };
}

/** x (B, inputs) -> (B, outputs) */
export function vectorMlp(
  module: Module,
  x: Value,
  shape: VectorMlpShape,
  [inputs, outputs]: readonly [number, number],
): Value {
  const { width } = shape;
  const wide = linear(module.at('linear_in'), x, [inputs, width], true);
  const inner =
    shape.kind === 'plain' ? plainLayers(module, wide, shape) : residualBlocks(module, wide, shape);
  return linear(module.at('linear_out'), inner, [width, outputs], true);
}

function residualBlocks(
  module: Module,
  x: Value,
  { blocks, width, expansion }: VectorMlpShape,
): Value {
  const hidden = expansion * width;
  let out = x;
  for (let i = 0; i < blocks; i++) {
    const block = module.at('blocks', i);
    const normed = layerNorm(module.at('layernorms', i), out, width, EPSILON);
    const inner = linear(block.at('block', 0), normed, [width, hidden], true);
    const fed = linear(block.at('block', 2), activate(block, inner, 'GELU'), [hidden, width], true);
    out = block.node('after_block', 'Add', [out, fed]);
  }
  return out;
}

/** The first of the `blocks` widths belongs to `linear_in`, and nothing but the norms is between layers. */
function plainLayers(module: Module, x: Value, { blocks, width }: VectorMlpShape): Value {
  let out = x;
  for (let i = 0; i < blocks - 1; i++) {
    const normed = layerNorm(module.at('layernorms', i), out, width, EPSILON);
    out = linear(module.at('layers', i), normed, [width, width], true);
  }
  return out;
}
