/**
 * The two quantizers: nearest code by cosine or distance (`lucid`), and codebooks of their own keys and
 * values (`memcodes`). Either may have several codebooks side by side, one id each.
 */
import type { QuantizingConfig } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';

/** latents (B, N, latent) -> ids (B, codebooks, N) */
export function codeIds(module: Module, latents: Value, config: QuantizingConfig): Value {
  const scores =
    config.quant_type === 'memcodes'
      ? memcodesScores(module, latents, config)
      : lucidScores(module, latents, config); // (B, codebooks, N, V)
  return module.node('nearest', 'ArgMax', [scores], { axis: -1, keepdims: 0 });
}

/** ids (B, codebooks, N) -> code vectors (B, N, latent) */
export function codeVectors(module: Module, ids: Value, config: QuantizingConfig): Value {
  return config.quant_type === 'memcodes'
    ? memcodesVectors(module, ids, config)
    : lucidVectors(module, ids, config);
}

/** The codes as stored, (V, latent). Looking one up does not normalise it. */
export const lucidCodes = (module: Module, config: QuantizingConfig): Value =>
  module.at('_codebook').weight('embed', [config.codebook_size, config.latent_dim]);

function lucidScores(module: Module, latents: Value, config: QuantizingConfig): Value {
  const { graph } = module;
  const { num_codebooks: books, latent_dim: latent } = config;
  const codes = lucidCodes(module, config);
  // Several codebooks are one, asked about several projections of the latent.
  const projected =
    books === 1
      ? latents
      : linear(module.at('project_in'), latents, [latent, books * latent], true);
  const parts = split(module, projected, books, latent);
  if (config.norm_codes) {
    const inputs = [l2Norm(module, 'latents', parts), l2Norm(module, 'codes', codes)];
    return module.node('cosine', 'FusedMatMul', inputs, { transB: 1 });
  }
  const queries = config.norm_latents ? l2Norm(module, 'latents', parts) : parts;
  // The smallest |z - e|^2 is the largest 2 z.e - |e|^2.
  const product = module.node('product', 'FusedMatMul', [queries, codes], {
    transB: 1,
    alpha: { float: 2 },
  });
  const squares = module.node('squares', 'ReduceSumSquare', [codes, graph.int64([-1])], {
    keepdims: 0,
  });
  return module.node('closeness', 'Sub', [product, squares]);
}

function lucidVectors(module: Module, ids: Value, config: QuantizingConfig): Value {
  const { num_codebooks: books, latent_dim: latent } = config;
  const found = module.node('codes', 'Gather', [lucidCodes(module, config), ids], { axis: 0 });
  const vectors = join(module, found, books * latent);
  if (books === 1) return vectors;
  return linear(module.at('project_out'), vectors, [books * latent, latent], true);
}

function memcodesScores(module: Module, latents: Value, config: QuantizingConfig): Value {
  const { num_codebooks: books, latent_dim } = config;
  const queries = split(module, latents, books, latent_dim / books);
  const keys = memcodesTable(module, config, 'to_k');
  return module.node('scores', 'FusedMatMul', [queries, keys], { transB: 1 });
}

function memcodesVectors(module: Module, ids: Value, config: QuantizingConfig): Value {
  const { graph } = module;
  const { num_codebooks: books, codebook_size: size, latent_dim } = config;
  const flat = graph.int64([books * size, latent_dim / books]);
  const table = module.node('table', 'Reshape', [memcodesTable(module, config, 'to_v'), flat]);
  const starts = module.node('starts', 'Unsqueeze', [
    graph.int64(Array.from({ length: books }, (_, book) => book * size)),
    graph.int64([1]),
  ]); // (books, 1)
  const rows = module.node('rows', 'Add', [ids, starts]);
  const found = module.node('found', 'Gather', [table, rows], { axis: 0 });
  return join(module, found, latent_dim);
}

/** Keys or values of every code, (codebooks, V, d): constants that the runtime folds at load. */
function memcodesTable(module: Module, config: QuantizingConfig, side: 'to_k' | 'to_v'): Value {
  const { num_codebooks: books, codebook_size: size, latent_dim } = config;
  const width = latent_dim / books;
  const codes = module.weight('codes', [books, size, width]);
  const projection = module.at(side);
  return projection.node('MatMul', 'MatMul', [
    codes,
    projection.weight('weight', [books, width, width]),
  ]);
}

/** (B, N, books * width) -> (B, books, N, width) */
function split(module: Module, x: Value, books: number, width: number): Value {
  const shape = module.graph.int64([0, 0, books, width]);
  const parts = module.node('parts', 'Reshape', [x, shape]);
  return module.node('parts/books_first', 'Transpose', [parts], { perm: [0, 2, 1, 3] });
}

/** (B, books, N, d) -> (B, N, books * d), `width` in all */
function join(module: Module, parts: Value, width: number): Value {
  const last = module.node('found/books_last', 'Transpose', [parts], { perm: [0, 2, 1, 3] });
  return module.node('found/joined', 'Reshape', [last, module.graph.int64([0, -1, width])]);
}

function l2Norm(module: Module, name: string, x: Value): Value {
  const { graph } = module;
  const length = module.node(`${name}/length`, 'ReduceL2', [x, graph.int64([-1])], { keepdims: 1 });
  const safe = module.node(`${name}/safe_length`, 'Max', [length, graph.float32(1e-12)]);
  return module.node(`${name}/normalised`, 'Div', [x, safe]);
}
