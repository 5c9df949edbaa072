/** Decoder graph of a VQ tokenizer: code ids -> picture, class logits or vector. */
import type { VqConfig } from '../../shared/model/config.ts';
import { vqDecoderSignature } from '../../shared/model/tokenizerSignature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { convNextBlock } from './blocks/convnext.ts';
import { linear, pointwise } from './blocks/linear.ts';
import { codeVectors } from './blocks/quantizer.ts';
import { parseMlp, vectorMlp } from './blocks/vectorMlp.ts';
import { positionTokens, vitBlocks } from './blocks/vit.ts';
import { type Module, rootModule } from './module.ts';
import { isMlp, presetOf, type VqModel } from './vqModel.ts';
import type { Weights } from './weights.ts';

/** The reference always adds two when `out_conv` is on. */
const OUT_CONV_BLOCKS = 2;

/** See `vqDecoderSignature`. */
export function vqDecoderGraph({ config, presets }: VqModel, weights: Weights): GraphBuilder {
  const graph = createGraph('tokenizer decoder', vqDecoderSignature(config));
  const root = rootModule(graph, weights);
  const { latent_dim: latent, num_codebooks: books } = config;
  const ids = graph.input('ids');
  const quantizer = root.at('quantize');
  const flat = quantizer.node('ids', 'Reshape', [ids, graph.int64([0, books, -1])]);
  const vectors = codeVectors(quantizer, flat, config); // (B, N, latent)
  if (isMlp(config.dec_type)) {
    const shape = parseMlp('dec_type', config.dec_type);
    const vector = root.node('vector', 'Squeeze', [vectors, graph.int64([1])]); // (B, latent)
    const projected = pointwise(root.at('post_quant_proj'), vector, [latent, shape.width]);
    const sizes = [shape.width, config.n_channels] as const;
    graph.output('values', vectorMlp(root.at('decoder'), projected, shape, sizes));
    return graph;
  }
  const preset = presetOf(presets, config.dec_type);
  const dim = preset.dim_tokens;
  const decoder = root.at('decoder');
  const tokens = pointwise(root.at('post_quant_proj'), vectors, [latent, dim]);
  const grid = decoder.node('grid', 'Shape', [ids], { start: -2 }); // [h, w]
  const placed = decoder.node('placed', 'Add', [tokens, positionTokens(decoder, grid, dim)]);
  const decoded = vitBlocks(decoder, placed, preset, config.post_mlp); // (B, h*w, D)
  let values = unpatch(decoder, decoded, grid, config, dim);
  if (config.out_conv)
    for (let i = 0; i < OUT_CONV_BLOCKS; i++)
      values = convNextBlock(
        decoder.at('out_conv', i),
        values,
        config.n_labels ?? config.n_channels,
      );
  graph.output('values', values);
  return graph;
}

/** Tokens (B, h*w, D) -> (B, C, h*P, w*P); in a token, channels vary slowest, then rows, then columns. */
function unpatch(
  decoder: Module,
  tokens: Value,
  grid: Value,
  config: VqConfig,
  dim: number,
): Value {
  const { graph } = decoder;
  const channels = config.n_labels ?? config.n_channels;
  const side = config.patch_proj ? (config.patch_size_dec ?? config.patch_size) : 1;
  const out = linear(decoder.at('out_proj'), tokens, [dim, channels * side * side], true);
  const split = decoder.node(
    'unpatch/split_shape',
    'Concat',
    [graph.int64([0]), grid, graph.int64([channels, side, side])],
    { axis: 0 },
  );
  const patches = decoder.node('unpatch/split', 'Reshape', [out, split]); // (B, h, w, C, P, P)
  const rows = decoder.node('unpatch/rows', 'Transpose', [patches], { perm: [0, 3, 1, 4, 2, 5] });
  const size = decoder.node('unpatch/size', 'Mul', [grid, graph.int64([side])]);
  const shape = decoder.node('unpatch/shape', 'Concat', [graph.int64([0, channels]), size], {
    axis: 0,
  });
  return decoder.node('unpatch/join', 'Reshape', [rows, shape]);
}
