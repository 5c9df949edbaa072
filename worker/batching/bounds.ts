/** How much one run may do, by what it runs on: the one place where batching looks at the device. */
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { Device } from '../session/devices.ts';

export interface Bounds {
  /**
   * Milliseconds that a run should take at most, as far as earlier ones tell: whoever comes meanwhile waits for
   * its end. A single request may take longer. Sequences gain most from company, and may take longer together.
   */
  readonly longest: Readonly<Record<'encode' | 'features' | 'predict' | 'write', number>>;
  /** Tokens in one run, seen and predicted. */
  readonly tokens: number;
  /**
   * Bytes of working memory in a run that several share: of the keys and values that its sequences look at, or of
   * what sampling holds of its logits. A single request may take more.
   */
  readonly bytes: (manifest: Pick<FmManifest, 'parameters'>) => number;
  /** Sequences written side by side, conditions counted. */
  readonly rows: number;
  /** Tokens of a sequence that one run writes. */
  readonly piece: (manifest: FmManifest) => number;
}

const LONGEST = { encode: 150, features: 150, predict: 150, write: 300 } as const;

/**
 * Parameters divided into this are the tokens of a piece: about a tenth of a second for one sequence in fp32, where
 * memory is read at 27 GB a second, and for eight of them in 8 bits, in which one takes half of the time. It depends on
 * the model alone, since the borders of pieces take part in a result's last bits.
 */
const PARAMETERS_A_PIECE = 1.8e9;
const MOST_TOKENS = 16;

/** A power of two: 16 tokens of a small model, 4 of 4M-B, 1 of the largest. */
function pieceByWeights({ parameters }: FmManifest): number {
  const fitting = PARAMETERS_A_PIECE / Math.max(1, parameters);
  return Math.min(MOST_TOKENS, Math.max(1, 2 ** Math.floor(Math.log2(fitting))));
}

/**
 * Decoder blocks that a piece passes through on a card, where a token takes the time of starting its operators and
 * not that of reading weights (0.54 ms a block on an H200). Each piece begins with copies of all keys and values
 * to the card and ends with copies from it, 20 ms of a 4M-B: so pieces are long, about 0.4 s.
 */
const BLOCKS_A_PIECE = 768;
const FEWEST_ON_CARD = 16;
const MOST_ON_CARD = 128;

/** A power of two: 64 tokens of 4M-B (12 decoder blocks), 32 of 4M-XL (24). */
function pieceByBlocks({ config }: FmManifest): number {
  const fitting = 2 ** Math.floor(Math.log2(BLOCKS_A_PIECE / Math.max(1, config.decoder_depth)));
  return Math.min(MOST_ON_CARD, Math.max(FEWEST_ON_CARD, fitting));
}

const FEWEST_BYTES = 2 ** 26;
const MOST_BYTES = 2 ** 30;

/** Half of what the weights take in fp32, so that small models stay small. */
const bytesByWeights: Bounds['bytes'] = ({ parameters }) =>
  Math.min(MOST_BYTES, Math.max(FEWEST_BYTES, 2 * parameters));

const BOUNDS: Readonly<Record<Device['kind'], Bounds>> = {
  cpu: { longest: LONGEST, tokens: 4096, bytes: bytesByWeights, rows: 64, piece: pieceByWeights },
  // Pictures a second still grow from 8 to 32 in a run, which are 12,544 tokens.
  cuda: { longest: LONGEST, tokens: 16_384, bytes: () => 2 ** 32, rows: 64, piece: pieceByBlocks },
};

export const boundsOf = (device: Device): Bounds => BOUNDS[device.kind];

/** Bytes that the logit of one token takes while tokens are drawn: itself, and four arrays made of it. */
export const LOGIT_BYTES = 5 * 4;
