/** What a scheduler has done so far, for whoever watches it. */
import type { Scheduling } from '../../shared/api/worker.ts';
import type { Bounds } from './bounds.ts';
import type { Choice } from './choose.ts';
import { PRIORITIES, type Priority } from './turns.ts';

export interface RunStatistics {
  readonly runs: number;
  /** Requests that took part, added up over the runs. */
  readonly requests: number;
  /** Rows of the runs, added up. */
  readonly rows: number;
  readonly milliseconds: number;
  /** The longest run: whoever comes meanwhile waits for its end. */
  readonly longestMilliseconds: number;
}

export interface Statistics {
  readonly runs: Readonly<Record<Choice['kind'], RunStatistics>>;
  /** Requests that wait, or are in a run. */
  readonly waiting: Readonly<Record<Priority, number>>;
  /** Requests that came so far. */
  readonly asked: Readonly<Record<Priority, number>>;
  readonly bounds: RunBounds;
}

/** What bounds the wait for one's turn: whoever comes waits for the run that is under way, and for those before. */
export interface RunBounds {
  /** Tokens of a sequence that one run writes. */
  readonly tokensAPiece: number;
  /** Milliseconds that a run of several takes at most, as far as earlier ones tell. */
  readonly longestMilliseconds: Bounds['longest'];
}

const NONE: RunStatistics = {
  runs: 0,
  requests: 0,
  rows: 0,
  milliseconds: 0,
  longestMilliseconds: 0,
};

const zeros = (): Record<Priority, number> => ({ interactive: 0, batch: 0 });

export function createStatistics() {
  const runs: Record<Choice['kind'], RunStatistics> = {
    encode: NONE,
    write: NONE,
    predict: NONE,
    features: NONE,
  };
  const asked = zeros();
  return {
    came(priority: Priority): void {
      asked[priority]++;
    },
    ran(
      kind: Choice['kind'],
      run: { readonly requests: number; readonly rows: number; readonly milliseconds: number },
    ): void {
      const before = runs[kind];
      runs[kind] = {
        runs: before.runs + 1,
        requests: before.requests + run.requests,
        rows: before.rows + run.rows,
        milliseconds: before.milliseconds + run.milliseconds,
        longestMilliseconds: Math.max(before.longestMilliseconds, run.milliseconds),
      };
    },
    now(waitingPriorities: readonly Priority[], bounds: RunBounds): Statistics {
      const waiting = zeros();
      for (const priority of PRIORITIES)
        waiting[priority] = waitingPriorities.filter((own) => own === priority).length;
      return { runs: { ...runs }, waiting, asked: { ...asked }, bounds };
    },
  };
}

/** The same as the worker tells it. */
export const schedulingOf = ({ runs, waiting, asked, bounds }: Statistics): Scheduling => ({
  runs: Object.fromEntries(
    Object.entries(runs).map(([kind, { longestMilliseconds, ...counts }]) => [
      kind,
      { ...counts, longest_milliseconds: longestMilliseconds },
    ]),
  ),
  waiting,
  asked,
  bounds: {
    tokens_a_piece: bounds.tokensAPiece,
    longest_milliseconds: bounds.longestMilliseconds,
  },
});
