/** What the bodies of a graph's loops and branches take and give. */
import type { TensorSignature } from '../../shared/model/signature.ts';
import type { Value } from './content.ts';

/** As many values as a node has outputs, so that each can be named where it is made. */
export type Outputs<N extends number> = N extends 1
  ? [Value]
  : N extends 2
    ? [Value, Value]
    : N extends 3
      ? [Value, Value, Value]
      : Value[];

/** What a loop begins with. */
export interface Carried {
  readonly name: string;
  readonly value: Value;
  readonly type: TensorSignature['type'];
  /** Sizes that change from one repetition to the next have names of their own. */
  readonly dims: TensorSignature['dims'];
}

export interface LoopResult {
  /** bool scalar: is there another repetition? */
  readonly going: Value;
  readonly carried: readonly Value[];
  readonly collected: readonly Value[];
}
