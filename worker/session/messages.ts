/** What the caller's thread and the runtime's thread say to each other. */
import type { GraphSignature } from '../../shared/model/signature.ts';
import type { Device } from './devices.ts';
import type { KeepRows, RowFeeds, Tensor } from './types.ts';

export type ThreadRequest =
  | {
      readonly id: number;
      readonly kind: 'load';
      readonly graph: string;
      readonly file: string;
      /** For one run: nothing is prepared for further ones, and no memory kept for them. */
      readonly transient?: boolean;
    }
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly graph: string;
      readonly feeds: Readonly<Record<string, Tensor>>;
      readonly outputs: readonly string[];
      /** Further feeds, and outputs that stay in the thread. */
      readonly rowFeeds?: readonly RowFeeds[];
      readonly keepRows?: readonly KeepRows[];
    }
  | { readonly id: number; readonly kind: 'forget'; readonly rows: readonly number[] }
  | { readonly id: number; readonly kind: 'release'; readonly graph: string }
  /** The thread frees everything and ends. */
  | { readonly id: number; readonly kind: 'end' };

export type ThreadReply = { readonly id: number } & (
  | { readonly ok: true; readonly result: ThreadResult }
  | { readonly ok: false; readonly error: Error }
);

/** Each request's own answer: what a loaded graph declares, a run's outputs, nothing for the others. */
export type ThreadResult =
  | { readonly kind: 'loaded'; readonly declared: GraphSignature }
  | {
      readonly kind: 'outputs';
      readonly tensors: Record<string, Tensor>;
      /** Time of the run itself. */
      readonly milliseconds: number;
    }
  | { readonly kind: 'released' }
  | { readonly kind: 'forgotten' }
  | { readonly kind: 'ending' };

export interface ThreadOptions {
  /** CPU threads of each operator; the runtime's own choice when left out. */
  readonly threads?: number;
  /** What graphs run on; the CPU when left out. */
  readonly device?: Device;
}
