/**
 * What a generation asks of a model, one request a decoding step: predict tokens of a picture-like target,
 * or write on a sequence. It yields requests and is resumed with their results; who answers them decides
 * what is computed together. Logits never come back: ids and how sure the model is of them do.
 */
import { type Filters, NO_FILTERS } from '../../shared/plan/filters.ts';
import type { TokenState } from './tokenState.ts';

/** A state that the model sees, and how much its prediction counts. */
export interface Condition {
  readonly state: TokenState;
  /** logits = sum of weight * logits seen from the state; the weights of a request sum to 1. */
  readonly weight: number;
}

export interface SamplingSettings extends Filters {
  /** 0 takes the most likely token. */
  readonly temperature: number;
}

/** The most likely token, whatever is drawn. */
export const GREEDY: SamplingSettings = { ...NO_FILTERS, temperature: 0 };

/** Predicts tokens of a target whose positions are a grid; each is drawn by itself. */
export interface PredictRequest {
  readonly kind: 'predict';
  readonly modality: string;
  /** Step of the target's schedule, for those who tell or record it. */
  readonly step: number;
  /** Grid positions to predict. */
  readonly positions: readonly number[];
  /** Whose random choice the positions are; absent where all open ones are predicted. */
  readonly chosenBy?: string;
  readonly conditions: readonly Condition[];
  readonly sampling: SamplingSettings;
  /** A uniform number in [0, 1) for each position: the token is drawn by inverse CDF from it. */
  readonly draws: readonly number[];
}

/** Writes the next tokens of a sequence, one after the other, until a stop or the last draw. */
export interface WriteRequest {
  readonly kind: 'write';
  readonly modality: string;
  readonly conditions: readonly Condition[];
  /** Written so far, the opening sentinel first; never empty. */
  readonly ids: readonly number[];
  /** What the answer to the previous request for this sequence gave, once; absent at its beginning. */
  readonly cache?: DecoderCache;
  /** No request follows for this sequence: nothing has to be kept of it. */
  readonly isLast?: boolean;
  readonly sampling: SamplingSettings;
  /** A uniform number for each token that may be written now. */
  readonly draws: readonly number[];
  /** Writing ends after any of these. */
  readonly stops: readonly number[];
}

/** Whatever the answering side keeps of a sequence between two requests; nobody else looks inside. */
export interface DecoderCache {
  readonly kind: 'decoder-cache';
}

export type ForwardRequest = PredictRequest | WriteRequest;

export interface Predicted {
  readonly kind: 'predict';
  /** One a position. */
  readonly ids: readonly number[];
  /** Probability of the drawn token after filters and temperature; 1 at temperature 0. */
  readonly confidence: readonly number[];
  /** Its probability at temperature 1 without filters, which orders equals. */
  readonly likelihood: readonly number[];
}
export interface Written {
  readonly kind: 'write';
  /** New tokens only; a stop is the last of them. */
  readonly ids: readonly number[];
  readonly cache: DecoderCache;
}
export type ForwardResult = Predicted | Written;

/** A computation that yields forward requests. */
export type Forward<T> = Generator<ForwardRequest, T, ForwardResult>;

/**
 * Answers requests, in their order; all of them may be computed together. When the signal aborts, its
 * reason is thrown at once and no further run begins.
 */
export type RunRequests = (
  requests: readonly ForwardRequest[],
  signal?: AbortSignal,
) => Promise<readonly ForwardResult[]>;

export function* predict(request: Omit<PredictRequest, 'kind'>): Forward<Predicted> {
  const result = yield { kind: 'predict', ...request };
  if (result.kind !== 'predict') throw new Error('engine: a prediction was answered otherwise');
  return result;
}

export function* write(request: Omit<WriteRequest, 'kind'>): Forward<Written> {
  const result = yield { kind: 'write', ...request };
  if (result.kind !== 'write') throw new Error('engine: a writing was answered otherwise');
  return result;
}
