/** Encoder graph of a VQ tokenizer: picture, label map or vector -> code ids. */
import type { VqConfig } from '../../shared/model/config.ts';
import { vqEncoderSignature } from '../../shared/model/signature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { bottleneckMlp, parseBottleneck } from './blocks/bottleneckMlp.ts';
import { pointwise } from './blocks/linear.ts';
import { lucidIds, memcodesIds } from './blocks/quantizer.ts';
import { positionTokens, tokensOf, vitBlocks } from './blocks/vit.ts';
import { type Module, rootModule } from './module.ts';
import { isMlp, presetOf, type VqModel } from './vqModel.ts';
import type { Weights } from './weights.ts';

/** See `vqEncoderSignature`. */
export function vqEncoderGraph({ config, presets }: VqModel, weights: Weights): GraphBuilder {
  const graph = createGraph('tokenizer encoder', vqEncoderSignature(config));
  const root = rootModule(graph, weights);
  const { latent_dim: latent } = config;
  if (isMlp(config.enc_type)) {
    const shape = parseBottleneck(config.enc_type);
    const encoded = bottleneckMlp(root.at('encoder'), graph.input('vector'), shape, [
      config.n_channels,
      shape.width,
    ]);
    const latents = pointwise(root.at('quant_proj'), encoded, [shape.width, latent]);
    graph.output('ids', memcodesIds(root.at('quantize'), latents, config));
    return graph;
  }
  const preset = presetOf(presets, config.enc_type);
  const dim = preset.dim_tokens;
  const encoder = root.at('encoder');
  const map = patchMap(encoder, picture(root, config), config, dim); // (B, D, h, w)
  const grid = encoder.node('grid', 'Shape', [map], { start: 2, end: 4 });
  const placed = encoder.node('placed', 'Add', [
    tokensOf(encoder, 'patches', map, dim),
    positionTokens(encoder, grid, dim),
  ]); // (B, h*w, D)
  const encoded = vitBlocks(encoder, placed, preset, config.post_mlp);
  const latents = pointwise(root.at('quant_proj'), encoded, [dim, latent]);
  const ids = lucidIds(root.at('quantize'), latents, config); // (B, h*w)
  const shape = root.node('ids/shape', 'Concat', [graph.int64([0]), grid], { axis: 0 });
  graph.output('ids', root.node('ids/grid', 'Reshape', [ids, shape]));
  return graph;
}

/** The input as (B, C, H, W); class ids become rows of `cls_emb`. */
function picture(root: Module, config: VqConfig): Value {
  if (!config.n_labels) return root.graph.input('pixels');
  const classes = root.at('cls_emb');
  const table = classes.weight('weight', [config.n_labels, config.n_channels]);
  const rows = classes.node('Gather', 'Gather', [table, root.graph.input('labels')], { axis: 0 });
  return classes.node('channels_first', 'Transpose', [rows], { perm: [0, 3, 1, 2] });
}

/** One vector per patch, (B, D, h, w); feature maps (`patch_proj` off) keep their grid. */
function patchMap(encoder: Module, pixels: Value, config: VqConfig, dim: number): Value {
  const side = config.patch_proj ? config.patch_size : 1;
  const projection = encoder.at('proj');
  const weight = projection.weight('weight', [dim, config.n_channels, side, side]);
  return projection.node('Conv', 'Conv', [pixels, weight, projection.weight('bias', [dim])], {
    kernel_shape: [side, side],
    strides: [side, side],
  });
}
