/** A model as one job sees it: every run of its graphs stops being waited for when the job's signal aborts. */
import type { GraphSession, LoadedTokenizer } from '../session/types.ts';
import type { Served } from '../tasks/servedModel.ts';

function boundGraph(graph: GraphSession, signal: AbortSignal): GraphSession {
  return {
    ...graph,
    run: (feeds, outputs, options) => graph.run(feeds, outputs, { signal, ...options }),
  };
}

function boundTokenizer(tokenizer: LoadedTokenizer, signal: AbortSignal): LoadedTokenizer {
  const bound = (graph: GraphSession) => boundGraph(graph, signal);
  const encoder = bound(tokenizer.encoder);
  if (tokenizer.kind === 'encoder') return { ...tokenizer, encoder };
  if (tokenizer.kind === 'vqvae')
    return { ...tokenizer, encoder, decoder: bound(tokenizer.decoder) };
  const { codebook, denoiser } = tokenizer;
  return { ...tokenizer, encoder, codebook: bound(codebook), denoiser: bound(denoiser) };
}

function boundTokenizers(
  tokenizers: Readonly<Record<string, LoadedTokenizer>>,
  signal: AbortSignal,
): Record<string, LoadedTokenizer> {
  const bound = Object.entries(tokenizers).map(([stem, tokenizer]) => [
    stem,
    boundTokenizer(tokenizer, signal),
  ]);
  return Object.fromEntries(bound);
}

/** The scheduler is the model's own: jobs share it, and each request that it takes comes with a signal. */
export function boundModel(model: Served, signal: AbortSignal): Served {
  if (model.kind === 'backbone') {
    const { loaded } = model;
    return { ...model, loaded: { ...loaded, encoder: boundGraph(loaded.encoder, signal) } };
  }
  const tokenizers = boundTokenizers(model.loaded.tokenizers, signal);
  if (model.kind === 'encoder') return { ...model, loaded: { ...model.loaded, tokenizers } };
  const generate = boundGraph(model.loaded.generate, signal);
  return { ...model, loaded: { ...model.loaded, generate, tokenizers } };
}
