/** What generations are made with: the model's modalities and special tokens, and the random numbers. */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import type { Chance } from './sampling.ts';
import type { SpecialTokens } from './spans.ts';

export interface Engine {
  readonly modalities: Readonly<Record<string, ModalityInfo>>;
  readonly specials: SpecialTokens;
  readonly chance: Chance;
  /** Ids that end a sequence, in place of [EOS] and the closing sentinel. */
  readonly stopTokens?: readonly number[];
  /** After each step of a picture-like target, and each piece of a sequence. */
  readonly onStep?: (target: string, step: number, steps: number) => void;
  /** What is known of a picture-like target after each step, by position. */
  readonly onTokens?: (target: string, ids: ReadonlyMap<number, number>) => void;
}
