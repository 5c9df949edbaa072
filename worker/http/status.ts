/** What a worker does now and has done so far, for whoever watches it. */
import type { WorkerStatus } from '../../shared/api/worker.ts';
import type { Statistics } from '../batching/statistics.ts';
import type { JobServices } from '../service/services.ts';

const schedulingOf = ({ runs, waiting, asked, bounds }: Statistics) => ({
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

export function workerStatus({ registry, gate }: JobServices): WorkerStatus {
  const { loads, evictions, models } = registry.status();
  return {
    jobs: { running: gate.running(), waiting: gate.waiting(), tokens: gate.tokens() },
    loads,
    evictions,
    models: models.map(({ scheduling, ...model }) => ({
      ...model,
      ...(scheduling && { scheduling: schedulingOf(scheduling) }),
    })),
  };
}
