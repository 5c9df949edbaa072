/** Graphs of a diffusion tokenizer's decoding side: its codebook, and one step of its decoder. */
import type { DivaeConfig } from '../../shared/model/config.ts';
import type { DivaeManifest } from '../../shared/model/manifest.ts';
import { codebookSignature, denoiserSignature } from '../../shared/model/tokenizerSignature.ts';
import { createGraph, type GraphBuilder } from '../onnx/graph.ts';
import { lucidCodes } from './blocks/quantizer.ts';
import { unet } from './blocks/unet.ts';
import { UNUSED_UVIT_TENSORS, uvit } from './blocks/uvit.ts';
import { rootModule } from './module.ts';
import { UNUSED_VQ_TENSORS } from './vqModel.ts';
import type { Weights } from './weights.ts';

/** See `codebookSignature`. */
export function codebookGraph(config: DivaeConfig, weights: Weights): GraphBuilder {
  const graph = createGraph('tokenizer codebook', codebookSignature(config));
  const quantizer = rootModule(graph, weights).at('quantize');
  const rows = quantizer.node(
    'codes',
    'Gather',
    [lucidCodes(quantizer, config), graph.input('ids')],
    {
      axis: 0,
    },
  ); // (B, h, w, latent)
  graph.output(
    'codes',
    quantizer.node('channels_first', 'Transpose', [rows], { perm: [0, 3, 1, 2] }),
  );
  return graph;
}

/** See `denoiserSignature`. */
export function denoiserGraph(
  config: DivaeConfig,
  denoiser: DivaeManifest['denoiser'],
  weights: Weights,
): GraphBuilder {
  const graph = createGraph('tokenizer denoiser', denoiserSignature(config));
  const decoder = rootModule(graph, weights).at('decoder');
  const inputs = {
    sample: graph.input('sample'),
    timestep: graph.input('timestep'),
    codes: graph.input('codes'),
  };
  const prediction =
    denoiser.type === 'unet'
      ? unet(decoder, inputs, denoiser, config)
      : uvit(decoder, inputs, denoiser, config);
  graph.output('prediction', prediction);
  return graph;
}

/** Tensors that a diffusion tokenizer's checkpoint may hold and inference never reads. */
export const UNUSED_DIVAE_TENSORS: readonly string[] = [
  ...UNUSED_VQ_TENSORS,
  ...UNUSED_UVIT_TENSORS.map((name) => `decoder.${name}`),
];
