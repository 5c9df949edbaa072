/**
 * FM checkpoints of the published sizes: with weights of zero, as sparse files that take no space, or with
 * small random ones.
 */
import { open } from 'node:fs/promises';
import { PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import { hiddenSize } from '../../worker/export/blocks/mlp.ts';

export interface FmSize {
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
}
export const FM_SIZES = {
  B: { dim: 768, depth: 12, heads: 12 },
  L: { dim: 1024, depth: 24, heads: 16 },
  XL: { dim: 2048, depth: 24, heads: 32 },
} as const satisfies Record<string, FmSize>;

/** Inputs of 4M-7; its outputs are the same without pixels. */
const DOMAINS = [
  'caption',
  'det',
  'rgb@224',
  'tok_rgb@224',
  'tok_depth@224',
  'tok_normal@224',
  'tok_semseg@224',
  'tok_clip@224',
];

/** Names and shapes of a published FM's tensors. */
function shapesOf({ dim, depth }: FmSize): Record<string, readonly number[]> {
  const hidden = hiddenSize(dim, 4, true);
  const shapes: Record<string, readonly number[]> = { mask_token: [1, 1, dim] };
  const norm = (name: string) => {
    shapes[`${name}.weight`] = [dim];
    shapes[`${name}.bias`] = [dim];
  };
  const matrix = (name: string, outputs: number, inputs: number) => {
    shapes[`${name}.weight`] = [outputs, inputs];
  };
  const mlp = (block: string) => {
    matrix(`${block}.mlp.fc1`, hidden, dim);
    matrix(`${block}.mlp.fc2`, dim, hidden);
    matrix(`${block}.mlp.fc3`, hidden, dim);
  };
  for (let i = 0; i < depth; i++) {
    const block = `encoder.${i}`;
    for (const name of ['norm1', 'norm2']) norm(`${block}.${name}`);
    matrix(`${block}.attn.qkv`, 3 * dim, dim);
    matrix(`${block}.attn.proj`, dim, dim);
    mlp(block);
  }
  for (let i = 0; i < depth; i++) {
    const block = `decoder.${i}`;
    for (const name of ['norm1', 'query_norm', 'context_norm', 'norm2']) norm(`${block}.${name}`);
    matrix(`${block}.self_attn.qkv`, 3 * dim, dim);
    matrix(`${block}.self_attn.proj`, dim, dim);
    matrix(`${block}.cross_attn.q`, dim, dim);
    matrix(`${block}.cross_attn.kv`, 2 * dim, dim);
    matrix(`${block}.cross_attn.proj`, dim, dim);
    mlp(block);
  }
  norm('encoder_norm');
  norm('decoder_norm');
  matrix('decoder_proj_context', dim, dim);
  shapes['decoder_proj_context.bias'] = [dim];
  for (const name of DOMAINS) {
    const info = PUBLISHED_MODALITIES[name]!;
    const positions = info.type === 'seq' ? 512 : info.max_tokens;
    for (const side of info.pixels ? ['encoder'] : ['encoder', 'decoder']) {
      const module = `${side}_embeddings.${name}`;
      shapes[`${module}.mod_emb`] = [1, 1, dim];
      shapes[`${module}.pos_emb`] = [1, positions, dim];
      if (info.pixels) matrix(`${module}.proj`, dim, 3 * info.patch_size! ** 2);
      else matrix(`${module}.token_emb`, info.vocab_size!, dim);
      if (side === 'decoder') matrix(`${module}.to_logits`, info.vocab_size!, dim);
    }
  }
  return shapes;
}

const listRepr = (names: readonly string[]): string =>
  `[${names.map((name) => `'${name}'`).join(', ')}]`;

/** Random numbers that are written again and again. */
const TILE_BYTES = 2 ** 23;

/**
 * Writes a checkpoint with the tensors, shapes and metadata of a published 4M-7.
 * @returns bytes of the file
 */
export async function writeSparseFm(
  file: string,
  size: FmSize,
  content: 'zero' | 'random' = 'zero',
): Promise<number> {
  const header: Record<string, unknown> = {
    __metadata__: {
      domains_in: listRepr(DOMAINS),
      domains_out: listRepr(DOMAINS.filter((name) => name !== 'rgb@224')),
      dim: String(size.dim),
      encoder_depth: String(size.depth),
      decoder_depth: String(size.depth),
      num_heads: String(size.heads),
      act_layer: 'SiLU',
      gated_mlp: 'True',
      qkv_bias: 'False',
      proj_bias: 'False',
      mlp_bias: 'False',
    },
  };
  let position = 0;
  for (const [name, shape] of Object.entries(shapesOf(size))) {
    const end = position + 4 * shape.reduce((product, axis) => product * axis, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [position, end] };
    position = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  const handle = await open(file, 'wx');
  try {
    await handle.write(Buffer.concat([prefix, json]));
    await handle.truncate(8 + json.length + position);
    if (content === 'random') {
      const numbers = Float32Array.from(
        { length: TILE_BYTES / 4 },
        (_, i) => 0.05 * Math.sin(i * 12.9898 + (i % 977)),
      );
      const tile = new Uint8Array(numbers.buffer);
      for (let done = 0; done < position; done += TILE_BYTES) {
        const length = Math.min(TILE_BYTES, position - done);
        await handle.write(tile, 0, length, 8 + json.length + done);
      }
    }
  } finally {
    await handle.close();
  }
  return 8 + json.length + position;
}
