/**
 * What the rest of the worker knows of a loaded model: tensors in, tensors out. No runtime type leaks
 * through here, so the engine can be tested with arrays in place of a model.
 */
import type { GraphForm } from '../../shared/model/graphForms.ts';
import type {
  DivaeManifest,
  FmManifest,
  FmVitManifest,
  ModelSet,
  TokenizerManifest,
  TrunkManifest,
  VqManifest,
} from '../../shared/model/manifest.ts';
import type { GraphSignature } from '../../shared/model/signature.ts';
import type { Device } from './devices.ts';

export interface FloatTensor {
  readonly type: 'float32';
  readonly dims: readonly number[];
  readonly data: Float32Array;
}
/** Numbers of 16 bits by their bits, see `shared/half.ts`. */
export interface HalfTensor {
  readonly type: 'float16';
  readonly dims: readonly number[];
  readonly data: Uint16Array;
}
export interface IntTensor {
  readonly type: 'int64';
  readonly dims: readonly number[];
  readonly data: BigInt64Array;
}
/** One byte an element, 1 = true. */
export interface BoolTensor {
  readonly type: 'bool';
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}
export type Tensor = FloatTensor | HalfTensor | IntTensor | BoolTensor;

/**
 * Inputs that are fed from rows which stay where graphs run, see `rows.ts`: one input for each array of a row,
 * (rows, H, width, hd), where `width` is the most tokens of a row, rounded up; zeros follow a row's own.
 */
export interface RowFeeds {
  readonly names: readonly string[];
  /** A row's number, and how many of its tokens count. */
  readonly rows: readonly { readonly id: number; readonly tokens: number }[];
  readonly type: 'float32' | 'float16';
  /** H and hd. */
  readonly shape: readonly [heads: number, size: number];
}

/** Outputs (rows, H, tokens, hd) that stay where graphs run. */
export interface KeepRows {
  readonly names: readonly string[];
  /** The row's number, and how many tokens it has already: the new ones follow them. */
  readonly rows: readonly { readonly id: number; readonly from: number }[];
}

export interface GraphRunOptions {
  readonly rowFeeds?: readonly RowFeeds[];
  readonly keepRows?: readonly KeepRows[];
  /** Feeds that need not stay usable: large ones are handed over instead of copied. */
  readonly consumed?: readonly string[];
  /** Rejects with its reason at once; a run that waits is not begun, one under way is not waited for. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the time that the run itself took. */
  readonly onTime?: (milliseconds: number) => void;
}

let rowNumbers = 0;
/** A number for a row that is to be kept; none is given twice. */
export const nextRow = (): number => ++rowNumbers;

/** One loaded graph. Runs are executed one after the other, in the order of the calls. */
export interface GraphSession {
  readonly signature: GraphSignature;
  /**
   * Runs the graph. Feeds are copied, so the caller's arrays stay usable; they must not change meanwhile.
   * @param outputs names to bring back; all of the signature's when left out
   * @throws SessionError naming the graph and the input that is missing, unknown or misshapen, or with
   *   the runtime's error as `cause`; ThreadEndedError; the signal's reason
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[],
    options?: GraphRunOptions,
  ): Promise<Record<string, Tensor>>;
  /** Lets go of rows that earlier runs have kept, see `nextRow`; absent where none can be kept. */
  forgetRows?(ids: readonly number[]): void;
  close(): Promise<void>;
}

/** A tokenizer's graphs; a diffusion tokenizer decodes in steps, see `worker/diffusion`. */
export type LoadedTokenizer =
  | {
      readonly kind: 'vqvae';
      readonly manifest: VqManifest;
      readonly encoder: GraphSession;
      readonly decoder: GraphSession;
    }
  | {
      readonly kind: 'divae';
      readonly manifest: DivaeManifest;
      readonly encoder: GraphSession;
      readonly codebook: GraphSession;
      readonly denoiser: GraphSession;
    }
  /** What decodes was left out, since nothing is generated. */
  | {
      readonly kind: 'encoder';
      readonly manifest: TokenizerManifest;
      readonly encoder: GraphSession;
    };

/** What the reading of inputs needs of a loaded set. */
export interface LoadedInputs {
  readonly fm: Pick<TrunkManifest, 'modalities' | 'config'>;
  /** By the stem that `ModalityInfo.tokenizer` names. */
  readonly tokenizers: Readonly<Record<string, LoadedTokenizer>>;
}

/** A backbone, its graph loaded and checked against its signature. */
export interface LoadedBackbone {
  readonly set: ModelSet;
  readonly device: Device;
  /** Of the trunk's graphs. */
  readonly form: GraphForm;
  readonly fm: FmVitManifest;
  readonly tokenizers: Readonly<Record<string, never>>;
  /** See `fmVitSignature`. */
  readonly encoder: GraphSession;
  /** Absolute path of the Hugging Face `tokenizer.json`, where the set has one. */
  readonly textTokenizerFile: string | undefined;
  /** Resolves with the cause when the set's thread ends that should not have: nothing runs any more. */
  readonly died: Promise<ThreadEndedError>;
  close(): Promise<void>;
}

/** The encoder of an FM, and the encoders of its tokenizers: what features take, and nothing else. */
export interface LoadedEncoder {
  readonly set: ModelSet;
  readonly device: Device;
  /** Of the trunk's graphs. */
  readonly form: GraphForm;
  readonly fm: FmManifest;
  /** By the stem that `ModalityInfo.tokenizer` names. */
  readonly tokenizers: Readonly<Record<string, LoadedTokenizer>>;
  /** See `encoderSignature`. */
  readonly encoder: GraphSession;
  /** Absolute path of the Hugging Face `tokenizer.json`. */
  readonly textTokenizerFile: string;
  /** Resolves with the cause when a thread of the set ends that should not have: nothing runs any more. */
  readonly died: Promise<ThreadEndedError>;
  close(): Promise<void>;
}

/** An FM with its tokenizers, every graph loaded and checked against its signature. */
export interface LoadedModelSet {
  readonly set: ModelSet;
  /** What its graphs run on; a CPU when left out. */
  readonly device?: Device;
  /** Of the FM's graphs; `plain` when left out. */
  readonly form?: GraphForm;
  readonly fm: FmManifest;
  /** By the stem that `ModalityInfo.tokenizer` names. */
  readonly tokenizers: Readonly<Record<string, LoadedTokenizer>>;
  /** See `generateSignature`. */
  readonly generate: GraphSession;
  /** See `writeSignature`; absent where `generate` writes sequences as well. */
  readonly write?: GraphSession | undefined;
  /** Loaded where asked for: the graphs that give what lies in between. */
  readonly plain?: { readonly encoder: GraphSession; readonly decoder: GraphSession };
  /** Absolute path of the Hugging Face `tokenizer.json`. */
  readonly textTokenizerFile: string;
  /** Resolves with the cause when a thread of the set ends that should not have: nothing runs any more. */
  readonly died: Promise<ThreadEndedError>;
  close(): Promise<void>;
}

/** A graph could not be loaded or run; the message names the graph and what is wrong with it. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
}

/** The runtime's thread has ended: everything that it was asked fails, and all that it will be asked. */
export class ThreadEndedError extends SessionError {}
