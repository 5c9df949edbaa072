/** What every presentation has to answer; the tables in `grids.ts` and `texts.ts` ask for all of it. */
import type { Output } from '../../shared/api/generate.ts';
import type { QuantizingConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { Picture } from '../image/inspect.ts';
import type { Tensor } from '../session/types.ts';
import type { NumberArray } from '../values/npy.ts';
import type { drawInstances } from './drawInstances.ts';

/** Inputs of a tokenizer's encoder, by name. */
export type Feed = Readonly<Record<string, Tensor>>;

/** What a value becomes a feed with. */
export interface FeedContext {
  readonly info: ModalityInfo;
  /** Of the tokenizer that encodes it. */
  readonly config: QuantizingConfig;
  /** Pointer of the value in the request. */
  readonly at: string;
}

/** Values (C, H, W), or (C) with height and width 1. */
export interface DecodedValues {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** What a person is shown of decoded values. */
export type Shown = Pick<
  Output,
  'image' | 'data' | 'data_type' | 'array' | 'value' | 'legend' | 'warnings'
>;

/** Pictures and arrays: a tokenizer stands behind them. All of it runs in a thread. */
export interface GridPresentation {
  /**
   * A picture file as the encoder takes it; absent where no picture can be given.
   * @throws FailureError `invalid_image`, `invalid_input`
   */
  readonly fromPicture?: (picture: Picture, context: FeedContext) => Promise<Feed>;
  /**
   * An array of numbers as the encoder takes it; absent where none can be given. Leading axes of length 1 do
   * not count.
   * @throws FailureError `invalid_input`
   */
  readonly fromArray?: (array: NumberArray, context: FeedContext) => Feed;
  /** What a person is shown, and the exact values as files. */
  readonly show: (values: DecodedValues, info: ModalityInfo) => Promise<Shown>;
}

/** The tokenizer behind the ids within a text. */
export interface Codec {
  /** Ids that the codebook has; 0 where no tokenizer is loaded. */
  readonly size: number;
  /** Ids of a vector. @throws FailureError `no_tokenizer`, `invalid_input` */
  readonly encodeVector: (values: readonly number[], at: string) => Promise<number[]>;
  /** Ids of a mask (side, side) from 0 to 1. @throws FailureError `no_tokenizer` */
  readonly encodeMask: (mask: Float32Array, side: number, at: string) => Promise<number[]>;
  /** Values of several lists of ids; undefined where no tokenizer is loaded. */
  readonly decode: (ids: readonly (readonly number[])[]) => Promise<DecodedValues[] | undefined>;
}

/** What a text is written or read with. */
export interface TextContext {
  /** The model's own name of the modality. */
  readonly modality: string;
  readonly info: ModalityInfo;
  readonly codec: Codec;
  /** Draws masks, in a thread. */
  readonly draw: typeof drawInstances;
}

export interface WriteContext extends TextContext {
  /** Pointer of the value in the request. */
  readonly at: string;
  /** Refuses a text that is too long, before work is spent on it. @throws FailureError `invalid_input` */
  readonly checkLength: (text: string) => void;
}

/** What a text means; part of an output. */
export type SequenceValue = Pick<Output, 'value' | 'image' | 'warnings'>;

/** Texts: plain ones, and those that stand for a list or a record. */
export interface TextPresentation {
  /**
   * The texts that stand for a JSON value: several for a list of plain texts, otherwise one.
   * @throws FailureError `invalid_input`, `no_tokenizer`
   */
  readonly write: (value: unknown, context: WriteContext) => Promise<string[]>;
  /** How a given text has to read, and whether it does; absent where any text will do. */
  readonly form?: TextForm;
  /** What a generated text means: its value, a picture where there is one, and what is wrong with it. */
  readonly show: (text: string, context: TextContext) => Promise<SequenceValue>;
  /** Texts of several samples as one; absent where that means nothing, undefined where it cannot be done. */
  readonly merge?: (
    texts: readonly string[],
    context: TextContext,
  ) => Promise<SequenceValue | undefined>;
}

export interface TextForm {
  /** The form, for messages. */
  readonly said: string;
  /** Whether a text without gaps has the form. */
  readonly fits: (text: string, info: ModalityInfo) => boolean;
  /** Whether a text of the form can begin with a word. */
  readonly begins: (word: string) => boolean;
  /** Whether a word can be part of a text of the form; texts with gaps are asked word by word. */
  readonly hasWord: (word: string, info: ModalityInfo) => boolean;
}
