/** The transformer inside a UViT, which is where it is told the codes. */
import { itemAt } from '../../../shared/lookup.ts';
import type { DivaeConfig, UvitPreset } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { crossAttention, selfAttention } from './attention.ts';
import { linear } from './linear.ts';
import { hiddenSize, mlp } from './mlp.ts';
import { layerNorm } from './norm.ts';
import type { TimeVector } from './residual.ts';
import { nearest, sizeOf } from './resize.ts';
import { positionTokens, tokensOf } from './vit.ts';

/** Of this transformer; the encoder's is 1e-6. */
const EPSILON = 1e-5;

export interface MiddleInputs {
  readonly time: TimeVector;
  /** (B, latent, h, w) */
  readonly codes: Value;
  readonly channels: number;
  readonly preset: UvitPreset;
  readonly config: Pick<DivaeConfig, 'latent_dim' | 'conditioning'>;
}

/** x and result (B, channels, H, W) */
export function uvitMiddle(module: Module, x: Value, inputs: MiddleInputs): Value {
  const { codes, channels, preset, config } = inputs;
  const { mid_dim: dim, mid_layers: layers } = preset;
  const { latent_dim: latent } = config;
  const grid = sizeOf(module, 'grid', x);
  const entered = linear(
    module.at('mid_proj_in'),
    tokensOf(module, 'input', x, channels),
    [channels, dim],
    true,
  ); // (B, H*W, D)
  const concat = config.conditioning === 'concat';
  const given = concat ? nearest(module.at('codes'), codes, grid) : codes;
  const context = tokensOf(module, 'codes', given, latent); // (B, N, latent)
  const told = concat
    ? module.node('told', 'Add', [
        entered,
        linear(module.at('mid_cond_proj'), context, [latent, dim], true),
      ])
    : entered;
  const positions = concat
    ? positionTokens(module, grid, dim, 'mid_pos_emb')
    : nearestPositions(module, grid, dim);
  let tokens = module.node('placed', 'Add', [told, positions]);

  const half = Math.floor(layers / 2);
  const skips: Value[] = [];
  for (let i = 0; i < layers; i++) {
    const block = module.at('mid_block', i);
    const skip = preset.mid_use_long_skip && i > half ? skips.pop() : undefined;
    tokens = middleBlock(block, tokens, concat ? undefined : context, skip, inputs);
    if (i < half) skips.push(tokens);
  }

  const left = linear(module.at('mid_proj_out'), tokens, [dim, channels], true);
  const rows = module.node('output/channels_first', 'Transpose', [left], { perm: [0, 2, 1] });
  const shape = module.node('output/shape', 'Concat', [module.graph.int64([0, channels]), grid], {
    axis: 0,
  });
  return module.node('output', 'Reshape', [rows, shape]);
}

/** @returns (1, H*W, D) */
function nearestPositions(module: Module, grid: Value, dim: number): Value {
  const [, , height = 0, width = 0] = module.weights.shape('mid_pos_emb');
  const table = module.weight('mid_pos_emb', [1, dim, height, width]);
  return tokensOf(module, 'positions', nearest(module.at('mid_pos_emb'), table, grid), dim);
}

/**
 * Attention to itself, to the context where there is one, and an MLP, each shifted and scaled before and
 * gated after by the timestep (Peebles and Xie, "Scalable diffusion models with transformers", adaLN-Zero).
 * @param tokens (B, N, D)
 * @param skip output of the block on the other side of the middle
 */
function middleBlock(
  block: Module,
  tokens: Value,
  context: Value | undefined,
  skip: Value | undefined,
  { time, preset, config }: MiddleInputs,
): Value {
  const { mid_dim: dim } = preset;
  const shape = {
    dim,
    heads: preset.mid_num_heads,
    qkvBias: preset.mid_qkv_bias,
    projBias: true,
    qkNorm: false,
    contextDim: config.latent_dim,
  };
  const norm = (name: string, x: Value, size: number) =>
    layerNorm(block.at(name), x, size, EPSILON);
  const branches: readonly { norm: string; run: (x: Value) => Value }[] = [
    {
      norm: 'norm1',
      run: (x) => selfAttention(block.at(context ? 'self_attn' : 'attn'), x, shape, undefined),
    },
    ...(context
      ? [
          {
            norm: 'query_norm',
            run: (x: Value) =>
              crossAttention(
                block.at('cross_attn'),
                x,
                norm('context_norm', context, config.latent_dim),
                shape,
                undefined,
              ),
          },
        ]
      : []),
    {
      norm: 'norm2',
      run: (x) =>
        mlp(block.at('mlp'), x, {
          dim,
          hidden: hiddenSize(dim, preset.mid_mlp_ratio, false),
          gated: false,
          bias: true,
          activation: 'GELU',
        }),
    },
  ];
  const modulations = timed(block.at('adaLN_modulation'), time, dim, 2 * branches.length);
  const gates = timed(block.at('adaLN_gate'), time, dim, branches.length);
  let out = tokens;
  if (skip) {
    const both = block.node('with_skip', 'Concat', [tokens, skip], { axis: -1 });
    out = linear(block.at('skip_linear'), both, [2 * dim, dim], true);
  }
  for (const [index, branch] of branches.entries()) {
    const at = block.at(`${branch.norm}/modulated`);
    const shift = itemAt(modulations, 2 * index, 'modulations');
    const scale = itemAt(modulations, 2 * index + 1, 'modulations');
    const factor = at.node('factor', 'Add', [scale, block.graph.float32(1)]);
    const scaled = at.node('scaled', 'Mul', [norm(branch.norm, out, dim), factor]);
    const result = branch.run(at.node('shifted', 'Add', [scaled, shift]));
    const gated = at.node('gated', 'Mul', [result, itemAt(gates, index, 'gates')]);
    out = at.node('residual', 'Add', [out, gated]);
  }
  return out;
}

/** `count` vectors that depend on the timestep, each (B, 1, D). */
function timed(module: Module, time: TimeVector, dim: number, count: number): readonly Value[] {
  const all = linear(module, time.value, [time.size, count * dim], true);
  const rows = module.node('rows', 'Unsqueeze', [all, module.graph.int64([1])]);
  return module.nodes('split', 'Split', [rows], count, { axis: -1, num_outputs: count });
}
