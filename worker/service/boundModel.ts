/** A model as one job sees it: every run of its graphs stops being waited for when the job's signal aborts. */
import type { GraphSession, LoadedModelSet, LoadedTokenizer } from '../session/types.ts';
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
  if (tokenizer.kind === 'vqvae')
    return { ...tokenizer, encoder, decoder: bound(tokenizer.decoder) };
  const { codebook, denoiser } = tokenizer;
  return { ...tokenizer, encoder, codebook: bound(codebook), denoiser: bound(denoiser) };
}

function boundSet(loaded: LoadedModelSet, signal: AbortSignal): LoadedModelSet {
  const tokenizers = Object.entries(loaded.tokenizers).map(([stem, tokenizer]) => [
    stem,
    boundTokenizer(tokenizer, signal),
  ]);
  return {
    ...loaded,
    generate: boundGraph(loaded.generate, signal),
    tokenizers: Object.fromEntries(tokenizers),
  };
}

/** The scheduler is the model's own: jobs share it, and each request that it takes comes with a signal. */
export function boundModel(model: Served, signal: AbortSignal): Served {
  if (model.kind !== 'backbone') return { ...model, loaded: boundSet(model.loaded, signal) };
  const { loaded } = model;
  return { ...model, loaded: { ...loaded, encoder: boundGraph(loaded.encoder, signal) } };
}
