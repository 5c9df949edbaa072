/** What the consumer of jobs works with. */
import type { JobDocument, JobName } from '../../shared/jobs/job.ts';
import type { ModelMemory } from '../../shared/jobs/modelMemory.ts';
import type { Queues } from '../../shared/queue/queue.ts';
import type { Tracer } from '../../shared/tracing/tracer.ts';
import type { BatchRunner } from '../batches/runner.ts';
import type { Log } from '../log.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { EventLog } from './eventLog.ts';
import type { Turn } from './turn.ts';
import type { WorkServices } from './work.ts';

export interface Times {
  /** Between two signs of life. */
  readonly heartbeatMilliseconds: number;
  /** Between two looks whether a job that runs was canceled; absent where edges tell this worker. */
  readonly lookMilliseconds?: number | undefined;
  /** How long a worker is believed to live after its last one. */
  readonly leaseMilliseconds: number;
  /** Before a job that found no room here is looked at again. */
  readonly roomSeconds: number;
  /** Before a full worker takes another job from a queue that others take from as well. */
  readonly restSeconds: number;
  /** Before what this worker cannot do at all is looked at again. */
  readonly strangerSeconds: number;
  /** Before the second attempt; each further one waits four times as long. */
  readonly backoffSeconds: number;
  /** Between two looks for jobs that are not in the queue, more or less. */
  readonly sweepMilliseconds: number;
}

export const TIMES: Times = {
  heartbeatMilliseconds: 5_000,
  leaseMilliseconds: 20_000,
  roomSeconds: 1,
  restSeconds: 5,
  strangerSeconds: 30,
  backoffSeconds: 4,
  sweepMilliseconds: 60_000,
};

export interface ConsumerServices extends WorkServices {
  readonly queues: Pick<Queues, 'interactive' | 'batch' | 'dead'>;
  /** What workers say of the models that they have. */
  readonly memory: ModelMemory;
  /** Of the workers that share queues, whose turn it is to look for lost jobs. */
  readonly turn: Turn;
  /** Absent where no edge is known that lines of batches can be asked of. */
  readonly batches?: BatchRunner | undefined;
  /** Announces what a job's webhook is to tell, of one that has begun or ended. @throws what the store throws */
  readonly announce: (job: JobDocument) => Promise<void>;
  /** Removes jobs and batches that are too old. @returns how many objects it were @throws what the store throws */
  readonly removeOld: (signal: AbortSignal) => Promise<number>;
  /** This worker, by a name that it has again when it is started anew in its place. */
  readonly worker: string;
  readonly times: Times;
  readonly log: Log;
  /** Absent where nobody watches. */
  readonly metrics?: WorkerMetrics | undefined;
  /** Absent where no traces are told. */
  readonly tracer?: Tracer | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A job that runs here. */
export interface ActiveRun {
  readonly name: JobName;
  readonly events: EventLog;
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Stops it within a decoding step, since its document was changed by another. */
  readonly giveUp: () => void;
}

/** What runs here, by the result that it makes: equal jobs are one run. */
export type ActiveRuns = Map<string, ActiveRun>;

/** Spreads what would come back at once. */
export const jitter = (seconds: number): number => seconds * (0.75 + Math.random() / 2);
