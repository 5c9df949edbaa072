/** The two quantizers: nearest code by cosine or distance (`lucid`), and parallel codebooks (`memcodes`). */
import type { VqConfig } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

const l2Norm = (module: Module, name: string, x: Value): Value => {
  const { graph } = module;
  const length = module.node(`${name}/length`, 'ReduceL2', [x, graph.int64([-1])], { keepdims: 1 });
  const safe = module.node(`${name}/safe_length`, 'Max', [length, graph.float32(1e-12)]);
  return module.node(`${name}/normalised`, 'Div', [x, safe]);
};

const argMax = (module: Module, scores: Value): Value =>
  module.node('nearest', 'ArgMax', [scores], { axis: -1, keepdims: 0 });

/** The codes as stored, (V, latent). Looking one up does not normalise it. */
export const lucidCodes = (module: Module, config: VqConfig): Value =>
  module.at('_codebook').weight('embed', [config.codebook_size, config.latent_dim]);

/** latents (..., latent) -> ids (...) */
export function lucidIds(module: Module, latents: Value, config: VqConfig): Value {
  const { graph } = module;
  const codes = lucidCodes(module, config);
  if (config.norm_codes) {
    const inputs = [l2Norm(module, 'latents', latents), l2Norm(module, 'codes', codes)];
    return argMax(module, module.node('cosine', 'FusedMatMul', inputs, { transB: 1 }));
  }
  // The smallest |z - e|^2 is the largest 2 z.e - |e|^2.
  const product = module.node('product', 'FusedMatMul', [latents, codes], {
    transB: 1,
    alpha: { float: 2 },
  });
  const squares = module.node('squares', 'ReduceSumSquare', [codes, graph.int64([-1])], {
    keepdims: 0,
  });
  return argMax(module, module.node('closeness', 'Sub', [product, squares]));
}

/** Keys or values of every code, (codebooks, V, d): constants that the runtime folds at load. */
function memcodesTable(module: Module, config: VqConfig, side: 'to_k' | 'to_v'): Value {
  const { num_codebooks: books, codebook_size: size, latent_dim } = config;
  const width = latent_dim / books;
  const codes = module.weight('codes', [books, size, width]);
  const projection = module.at(side);
  return projection.node('MatMul', 'MatMul', [
    codes,
    projection.weight('weight', [books, width, width]),
  ]);
}

/** latents (B, latent) -> ids (B, codebooks) */
export function memcodesIds(module: Module, latents: Value, config: VqConfig): Value {
  const { num_codebooks: books, latent_dim } = config;
  const shape = module.graph.int64([0, books, latent_dim / books]);
  const parts = module.node('parts', 'Reshape', [latents, shape]);
  const queries = module.node('queries', 'Transpose', [parts], { perm: [1, 0, 2] }); // (books, B, d)
  const keys = memcodesTable(module, config, 'to_k');
  const ids = argMax(module, module.node('scores', 'FusedMatMul', [queries, keys], { transB: 1 }));
  return module.node('ids', 'Transpose', [ids], { perm: [1, 0] });
}

/** ids (B, codebooks) -> latents (B, latent) */
export function memcodesLatents(module: Module, ids: Value, config: VqConfig): Value {
  const { graph } = module;
  const { num_codebooks: books, codebook_size: size, latent_dim } = config;
  const flat = graph.int64([books * size, latent_dim / books]);
  const table = module.node('table', 'Reshape', [memcodesTable(module, config, 'to_v'), flat]);
  const starts = graph.int64(Array.from({ length: books }, (_, book) => book * size));
  const rows = module.node('rows', 'Add', [ids, starts]);
  const found = module.node('found', 'Gather', [table, rows], { axis: 0 }); // (B, books, d)
  return module.node('latents', 'Reshape', [found, graph.int64([0, latent_dim])]);
}
