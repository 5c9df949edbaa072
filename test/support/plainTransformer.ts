/**
 * The FM forward of a tiny checkpoint with biases and GELU, written from its description in plain loops:
 * the flags that no published checkpoint uses have no reference vectors.
 */
import { TINY_DIM } from './tinyModel.ts';

type Matrix = number[][];
export type WeightTable = (name: string) => ArrayLike<number>;

const HEADS = 2;

const add = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((x, j) => x + b[i]![j]!));

/** Rows of a flat (rows, width) table. */
export const rowsOf = (table: ArrayLike<number>, ids: readonly number[], width: number): Matrix =>
  ids.map((id) => Array.from({ length: width }, (_, j) => table[id * width + j]!));

function linear(x: Matrix, weight: ArrayLike<number>, bias?: ArrayLike<number>): Matrix {
  const inputs = x[0]!.length;
  const outputs = weight.length / inputs;
  return x.map((row) =>
    Array.from({ length: outputs }, (_, o) =>
      row.reduce((sum, value, i) => sum + value * weight[o * inputs + i]!, bias?.[o] ?? 0),
    ),
  );
}

function norm(x: Matrix, weight: ArrayLike<number>, bias: ArrayLike<number>): Matrix {
  return x.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map(
      (value, i) => ((value - mean) / Math.sqrt(variance + 1e-6)) * weight[i]! + bias[i]!,
    );
  });
}

/** erf by its Taylor series, exact to double precision for the small arguments here. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function attention(q: Matrix, k: Matrix, v: Matrix, causal: boolean): Matrix {
  const size = TINY_DIM / HEADS;
  return q.map((query, i) =>
    Array.from({ length: HEADS }, (_, h) => {
      const part = (row: number[]) => row.slice(h * size, (h + 1) * size);
      const scores = k.map((key, j) => {
        if (causal && j > i) return Number.NEGATIVE_INFINITY;
        return part(query).reduce((sum, x, c) => sum + x * part(key)[c]!, 0) / Math.sqrt(size);
      });
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return Array.from({ length: size }, (_, c) =>
        weights.reduce((sum, weight, j) => sum + (weight / total) * part(v[j]!)[c]!, 0),
      );
    }).flat(),
  );
}

const columns = (x: Matrix, part: number): Matrix =>
  x.map((row) => row.slice(part * TINY_DIM, (part + 1) * TINY_DIM));

/** The tiny FM: caption ids in, caption ids so far, logits of each of these out. */
export function plainForward(
  weights: WeightTable,
  ids: readonly number[],
  targets: readonly number[],
): { features: Matrix; context: Matrix; logits: Matrix } {
  const apply = (name: string) => (x: Matrix) =>
    linear(x, weights(`${name}.weight`), weights(`${name}.bias`));
  const normed = (name: string) => (x: Matrix) =>
    norm(x, weights(`${name}.weight`), weights(`${name}.bias`));
  const mlp = (name: string, x: Matrix) => {
    const inner = apply(`${name}.fc1`)(x).map((row) =>
      row.map((value) => 0.5 * value * (1 + erf(value / Math.SQRT2))),
    );
    return apply(`${name}.fc2`)(inner);
  };
  const embed = (side: string, tokens: readonly number[]) => {
    const name = `${side}_embeddings.caption`;
    const content = rowsOf(weights(`${name}.token_emb.weight`), tokens, TINY_DIM);
    const kind = weights('encoder_embeddings.caption.mod_emb');
    const place = rowsOf(weights(`${name}.pos_emb`), [...tokens.keys()], TINY_DIM).map((row) =>
      row.map((value, i) => value + kind[i]!),
    );
    return { content, place };
  };

  const known = embed('encoder', ids);
  let x = add(known.content, known.place);
  const qkv = apply('encoder.0.attn.qkv')(normed('encoder.0.norm1')(x));
  const attended = attention(columns(qkv, 0), columns(qkv, 1), columns(qkv, 2), false);
  x = add(x, apply('encoder.0.attn.proj')(attended));
  x = add(x, mlp('encoder.0.mlp', normed('encoder.0.norm2')(x)));
  const features = normed('encoder_norm')(x);
  const context = add(apply('decoder_proj_context')(features), known.place);

  const target = embed('decoder', targets);
  let y = add(target.content, target.place);
  const own = apply('decoder.0.self_attn.qkv')(normed('decoder.0.norm1')(y));
  const seen = attention(columns(own, 0), columns(own, 1), columns(own, 2), true);
  y = add(y, apply('decoder.0.self_attn.proj')(seen));
  const query = apply('decoder.0.cross_attn.q')(normed('decoder.0.query_norm')(y));
  const read = apply('decoder.0.cross_attn.kv')(normed('decoder.0.context_norm')(context));
  const crossed = attention(query, columns(read, 0), columns(read, 1), false);
  y = add(y, apply('decoder.0.cross_attn.proj')(crossed));
  y = add(y, mlp('decoder.0.mlp', normed('decoder.0.norm2')(y)));
  const logits = linear(
    normed('decoder_norm')(y),
    weights('decoder_embeddings.caption.to_logits.weight'),
  );
  return { features, context, logits };
}
