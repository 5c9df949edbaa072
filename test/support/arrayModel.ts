/**
 * Sessions with arrays in place of a model: logits are a hash of everything that a row may depend on, so a
 * mixed-up row, a wrong position or a lost token shows.
 */
import type { FmManifest } from '../../shared/model/manifest.ts';
import { type ModalityInfo, PUBLISHED_MODALITIES } from '../../shared/model/modalities.ts';
import type { ForwardModel } from '../../worker/compare/plain.ts';
import type { GraphSession, Tensor } from '../../worker/session/types.ts';

const DIM = 2;
export const FAKE_VOCABULARY = 12;

const seq = (max_tokens: number): ModalityInfo => ({
  ...PUBLISHED_MODALITIES.caption!,
  vocab_size: FAKE_VOCABULARY,
  max_tokens,
});
const grid = (side: number): ModalityInfo => ({
  ...PUBLISHED_MODALITIES['tok_depth@224']!,
  vocab_size: FAKE_VOCABULARY,
  max_tokens: side ** 2,
});
/** Two texts, three grids and embeddings; all can be given, all but the embeddings predicted. */
export const FAKE_MODALITIES: Readonly<Record<string, ModalityInfo>> = {
  caption: seq(80),
  note: seq(6),
  depth: grid(4),
  normal: grid(3),
  dot: grid(1),
  vectors: { ...PUBLISHED_MODALITIES.t5_caption!, embedding_size: 3 },
};
const TARGETS = Object.keys(FAKE_MODALITIES).filter((name) => name !== 'vectors');

/** FNV-1a, brought to [-1, 1) with its bits well mixed. */
function noise(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (hash ^ (hash >>> 15)) / 2 ** 31;
}

const rowOf = (tensor: Tensor, row: number): number[] => {
  const size = tensor.dims.slice(1).reduce((product, dim) => product * dim, 1);
  return Array.from({ length: size }, (_, i) => Number(tensor.data[row * size + i]));
};

const session = (run: GraphSession['run']): GraphSession => ({
  signature: { inputs: [], outputs: [] },
  run,
  close: async () => {},
});

export interface ArrayModel extends ForwardModel {
  /** Rows of each run so far. */
  readonly runs: { readonly encoder: number[]; readonly decoder: number[] };
}

export function arrayModel(): ArrayModel {
  const runs = { encoder: [] as number[], decoder: [] as number[] };
  const encoder = session(async (feeds) => {
    const [rows, tokens] = feeds.mask!.dims as [number, number];
    runs.encoder.push(rows);
    const data = Float32Array.from({ length: rows * tokens * DIM }, (_, i) => {
      const row = Math.floor(i / (tokens * DIM));
      const seen = Object.entries(feeds)
        .filter(([name]) => name !== 'mask')
        .map(([name, tensor]) => `${name}=${rowOf(tensor, row)}`);
      return noise(`${seen.join(' ')} ${i % (tokens * DIM)}`);
    });
    return { context: { type: 'float32', dims: [rows, tokens, DIM], data } };
  });
  const decoder = session(async (feeds) => {
    const name = TARGETS.find((target) => feeds[`${target}.positions`]!.dims[1]! > 0)!;
    const [rows, count] = feeds[`${name}.positions`]!.dims as [number, number];
    runs.decoder.push(rows);
    const causal = feeds.causal!.data[0] === 1;
    const data = Float32Array.from({ length: rows * count * FAKE_VOCABULARY }, (_, i) => {
      const row = Math.floor(i / (count * FAKE_VOCABULARY));
      const at = Math.floor(i / FAKE_VOCABULARY) % count;
      const positions = rowOf(feeds[`${name}.positions`]!, row);
      const seen = causal
        ? `${positions.slice(0, at + 1)}|${rowOf(feeds[`${name}.ids`]!, row).slice(0, at + 1)}`
        : `${positions[at]}`;
      const context = rowOf(feeds.context!, row).join();
      return 3 * noise(`${name} ${context} ${seen} ${i % FAKE_VOCABULARY}`);
    });
    return { [`${name}.logits`]: { type: 'float32', dims: [rows, count, FAKE_VOCABULARY], data } };
  });
  const config = {
    domains_in: Object.keys(FAKE_MODALITIES),
    domains_out: TARGETS,
    dim: DIM,
    num_register_tokens: 0,
  };
  // Of a manifest only what the runner reads.
  const fm = { config, modalities: FAKE_MODALITIES } as unknown as FmManifest;
  return { fm, encoder, decoder, runs };
}
