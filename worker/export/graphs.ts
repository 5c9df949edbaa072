/** The graphs of each kind of model. */
import type { Precision } from '../../shared/model/precisions.ts';
import { sequencesOf } from '../../shared/model/writeSignature.ts';
import type { GraphBuilder } from '../onnx/graph.ts';
import type { Described } from './describe/describe.ts';
import { codebookGraph, denoiserGraph, UNUSED_DIVAE_TENSORS } from './divae.ts';
import { fmDecoderGraph, fmEncoderGraph, unusedFmTensors } from './fm.ts';
import { fmVitGraph } from './fmVit.ts';
import { generateGraph } from './generate/graph.ts';
import { writeGraph } from './generate/write.ts';
import { vqDecoderGraph } from './vqDecoder.ts';
import { vqEncoderGraph } from './vqEncoder.ts';
import { UNUSED_VQ_TENSORS } from './vqModel.ts';
import type { Weights } from './weights.ts';

/** Graphs by the names that the manifest and `signaturesOf` know them by. */
export type Graphs = Readonly<Record<string, GraphBuilder>>;

/**
 * In 8 bits most of a token's time is that of its operators, and weights are small: there a graph of its own pays.
 * In fp32 reading the weights takes the time.
 */
const writesApart = (precision: Precision): boolean => precision === 'int8';

/**
 * Builds every graph of a model, without reading weights.
 * @throws ExportError `missing_tensor`, `wrong_shape`, `unused_tensor`, `unsupported`
 */
export function buildGraphs(described: Described, weights: Weights): Graphs {
  switch (described.kind) {
    case 'fm': {
      const { config, modalities } = described;
      const encoder = fmEncoderGraph(config, modalities, weights);
      const decoder = fmDecoderGraph(config, modalities, weights);
      const generate = generateGraph(config, modalities, weights);
      weights.assertAllUsed(unusedFmTensors(config, modalities));
      if (!writesApart(weights.precision) || sequencesOf(config, modalities).length === 0)
        return { encoder, decoder, generate };
      return { encoder, decoder, generate, write: writeGraph(config, modalities, weights) };
    }
    case 'fmvit': {
      const { config, modalities, unused } = described;
      const encoder = fmVitGraph(config, modalities, weights);
      weights.assertAllUsed(unused);
      return { encoder };
    }
    case 'vqvae': {
      const model = { config: described.config, presets: described.vit_presets };
      const encoder = vqEncoderGraph(model, weights);
      const decoder = vqDecoderGraph(model, weights);
      weights.assertAllUsed(UNUSED_VQ_TENSORS);
      return { encoder, decoder };
    }
    case 'divae': {
      const { config } = described;
      const encoder = vqEncoderGraph({ config, presets: described.vit_presets }, weights);
      const codebook = codebookGraph(config, weights);
      const denoiser = denoiserGraph(config, described.denoiser, weights);
      weights.assertAllUsed(UNUSED_DIVAE_TENSORS);
      return { encoder, codebook, denoiser };
    }
  }
}
