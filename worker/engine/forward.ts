/** What a generation asks of a model. It yields requests and is resumed with their results. */
import { stateKey, type TokenState } from './tokenState.ts';

/** Encoder output of one row: decoder context (R+N, D), row-major; R register tokens of the model lead. */
export interface Context {
  readonly key: string;
  /** N; may be 0. Padding and masks know nothing of registers. */
  readonly tokens: number;
  readonly data: Float32Array;
}

export interface EncodeRequest {
  readonly kind: 'encode';
  /** Equal keys within one request of the API have equal results. */
  readonly key: string;
  readonly state: TokenState;
}
export interface DecodeRequest {
  readonly kind: 'decode';
  readonly key: string;
  readonly modality: string;
  /** One a target token. */
  readonly positions: readonly number[];
  /** Sequences only: what was generated so far. */
  readonly ids?: readonly number[];
  readonly context: Context;
  /** Token i sees tokens j <= i; only the last row of logits comes back. */
  readonly causal: boolean;
}
export type ForwardRequest = EncodeRequest | DecodeRequest;

/** (rows, vocabulary), row-major. */
export interface Logits {
  readonly rows: number;
  readonly vocabulary: number;
  readonly data: Float32Array;
}
export type ForwardResult =
  | { readonly kind: 'encode'; readonly context: Context }
  | { readonly kind: 'decode'; readonly logits: Logits };

/** A computation that yields forward requests; what runs them decides how they are batched. */
export type Forward<T> = Generator<ForwardRequest, T, ForwardResult>;

export function* encode(state: TokenState): Forward<Context> {
  const result = yield { kind: 'encode', key: stateKey(state), state };
  if (result.kind !== 'encode') throw new Error('engine: an encode request was answered otherwise');
  return result.context;
}

export function* decode(request: Omit<DecodeRequest, 'kind' | 'key'>): Forward<Logits> {
  const { modality, positions, ids, causal, context } = request;
  const key = [modality, positions.join(), ids?.join() ?? '', causal, context.key].join('/');
  const result = yield { kind: 'decode', key, ...request };
  if (result.kind !== 'decode') throw new Error('engine: a decode request was answered otherwise');
  return result.logits;
}

/** One row of logits. */
export const logitsRow = ({ data, vocabulary }: Logits, row: number): Float32Array =>
  data.subarray(row * vocabulary, (row + 1) * vocabulary);
