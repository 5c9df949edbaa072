/** Encoder graph of a VQ tokenizer: picture, label map or vector -> code ids. */
import type { QuantizingConfig } from '../../shared/model/config.ts';
import { IMAGENET_MEAN, IMAGENET_STD } from '../../shared/model/imagenet.ts';
import { vqEncoderSignature } from '../../shared/model/tokenizerSignature.ts';
import { createGraph, type GraphBuilder, type Value } from '../onnx/graph.ts';
import { conv } from './blocks/conv.ts';
import { pointwise } from './blocks/linear.ts';
import { codeIds } from './blocks/quantizer.ts';
import { parseMlp, vectorMlp } from './blocks/vectorMlp.ts';
import { positionTokens, tokensOf, vitBlocks } from './blocks/vit.ts';
import { ExportError } from './errors.ts';
import { type Module, rootModule } from './module.ts';
import { isMlp, presetOf, type QuantizingModel } from './vqModel.ts';
import type { Weights } from './weights.ts';

/**
 * See `vqEncoderSignature`. Diffusion tokenizers have this encoder too.
 * @throws ExportError `unsupported` for `undo_std` of what is not a colour picture
 */
export function vqEncoderGraph(
  { config, presets }: QuantizingModel,
  weights: Weights,
): GraphBuilder {
  const isPicture = !isMlp(config.enc_type) && !config.n_labels && config.n_channels === 3;
  if (config.undo_std && !isPicture)
    throw new ExportError('unsupported', 'undo_std of anything but 3 channels is not supported');
  const graph = createGraph('tokenizer encoder', vqEncoderSignature(config));
  const root = rootModule(graph, weights);
  const { latent_dim: latent, num_codebooks: books } = config;
  if (isMlp(config.enc_type)) {
    const shape = parseMlp('enc_type', config.enc_type);
    const encoded = vectorMlp(root.at('encoder'), graph.input('vector'), shape, [
      config.n_channels,
      shape.width,
    ]);
    const latents = pointwise(root.at('quant_proj'), encoded, [shape.width, latent]);
    const token = root.node('token', 'Unsqueeze', [latents, graph.int64([1])]); // (B, 1, latent)
    const ids = codeIds(root.at('quantize'), token, config); // (B, codebooks, 1)
    graph.output('ids', root.node('ids/vector', 'Squeeze', [ids, graph.int64([2])]));
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
  const ids = codeIds(root.at('quantize'), latents, config); // (B, codebooks, h*w)
  const leading = graph.int64(books === 1 ? [0] : [0, books]);
  const shape = root.node('ids/shape', 'Concat', [leading, grid], { axis: 0 });
  graph.output('ids', root.node('ids/grid', 'Reshape', [ids, shape]));
  return graph;
}

/** The encoder's input as (B, C, H, W); class ids become rows of `cls_emb`. */
function picture(root: Module, config: QuantizingConfig): Value {
  if (!config.n_labels) {
    const pixels = root.graph.input('pixels');
    return config.undo_std ? unstandardised(root, pixels) : pixels;
  }
  const classes = root.at('cls_emb');
  const table = classes.weight('weight', [config.n_labels, config.n_channels]);
  const rows = classes.node('Gather', 'Gather', [table, root.graph.input('labels')], { axis: 0 });
  return classes.node('channels_first', 'Transpose', [rows], { perm: [0, 3, 1, 2] });
}

/** ImageNet-standardised pixels in [-1, 1]: `2 (x std + mean) - 1`. */
function unstandardised(root: Module, pixels: Value): Value {
  const { graph } = root;
  const perChannel = (name: string, values: readonly number[]) =>
    root.node(name, 'Reshape', [graph.float32(values), graph.int64([1, -1, 1, 1])]);
  const scale = perChannel(
    'undo_std/scale',
    IMAGENET_STD.map((std) => 2 * std),
  );
  const shift = perChannel(
    'undo_std/shift',
    IMAGENET_MEAN.map((mean) => 2 * mean - 1),
  );
  return root.node('undo_std', 'Add', [
    root.node('undo_std/scaled', 'Mul', [pixels, scale]),
    shift,
  ]);
}

/** One vector per patch, (B, D, h, w); feature maps (`patch_proj` off) keep their grid. */
function patchMap(encoder: Module, pixels: Value, config: QuantizingConfig, dim: number): Value {
  const side = config.patch_proj ? config.patch_size : 1;
  const shape = { inputs: config.n_channels, outputs: dim, kernel: side, stride: side };
  return conv(encoder.at('proj'), pixels, shape);
}
