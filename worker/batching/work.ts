/** Requests as the scheduler holds them: what is done of each, and what is left. */
import type {
  DecoderCache,
  ForwardResult,
  PredictRequest,
  WriteRequest,
} from '../engine/forward.ts';
import { stateKey, type TokenState } from '../engine/tokenState.ts';
import type { TargetGroup } from './fused/predict.ts';
import type { Priority } from './turns.ts';

/** Whoever asks: one generation's job, which has one priority and one tenant. */
export interface Asker {
  readonly priority: Priority;
  readonly tenant: string;
}

interface Asked<Result> {
  readonly asker: Asker;
  /** When it came, or was served last, by `performance.now()`. */
  since: number;
  /** Requests that may share its run; fewer after a run of many has failed. */
  most: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

/** A group that is still to be decoded, with the state that it looks at. */
export interface OpenGroup extends TargetGroup {
  readonly state: TokenState;
  /** Set where its outputs are constants of the model. */
  readonly isConstant: boolean;
}

export interface PredictWork extends Asked<ForwardResult> {
  readonly kind: 'predict';
  readonly request: PredictRequest;
  /** For each condition the key of its group. */
  readonly keys: readonly string[];
  /** Groups without decoder outputs so far. */
  readonly open: Map<string, OpenGroup>;
  /** Decoder outputs of the others. */
  readonly outputs: Map<string, Float32Array>;
}

export interface WriteWork extends Asked<ForwardResult> {
  readonly kind: 'write';
  readonly request: WriteRequest;
  readonly sequence: SequenceCache;
  /** Written of this request so far. */
  readonly written: number[];
}

/** A state of which the encoder's features are wanted, (tokens, D). */
export interface FeaturesWork extends Asked<Float32Array> {
  readonly kind: 'features';
  readonly state: TokenState;
}

export type Work = PredictWork | WriteWork | FeaturesWork;

/** A sequence from its first request to its last. */
export interface SequenceCache extends DecoderCache {
  /** Rows of its keys and values, one a condition. */
  readonly rows: readonly number[];
  readonly states: readonly TokenState[];
  /** When it began, by `performance.now()`. */
  readonly begun: number;
  /** Tokens whose keys and values are kept. */
  tokens: number;
}

export const groupKey = (modality: string, positions: readonly number[], state: TokenState) =>
  `${modality} ${positions.join()} ${stateKey(state)}`;
