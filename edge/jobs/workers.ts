/** Tells workers of jobs. Nothing depends on its arriving: the store says everything that is told. */
import { WORKER_ADDRESSES } from '../../shared/api/addresses.ts';
import { type WorkerJobsRequest, workerJobsAnswerSchema } from '../../shared/api/jobWork.ts';
import type { JobName } from '../../shared/jobs/job.ts';
import type { Config } from '../config.ts';
import { callWorker, errorText } from '../dispatch/http.ts';

/** A worker that takes longer is asked for nothing more: it will find the job by itself. */
const ANSWER_MILLISECONDS = 3000;

export interface JobWorkers {
  /**
   * Has one worker take a job that waits.
   * @returns `nobody` where workers answer, and none has a store in which the job is
   */
  take(name: JobName): Promise<'told' | 'nobody'>;
  cancel(name: JobName): Promise<void>;
  /** Events of a job, or of whatever has this name, wait to be told by webhooks. */
  deliver(name: JobName): Promise<void>;
  /** The progress of a job as its worker tells it; undefined where no worker has it. */
  events(
    name: JobName,
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | undefined>;
}

export function createJobWorkers(
  { FOURM_WORKERS: workers, FOURM_WORKER_SECRET: secret }: Config,
  log: (line: string) => void,
): JobWorkers {
  let turn = 0;

  const ask = async (
    worker: string,
    request: WorkerJobsRequest,
    signal: AbortSignal,
  ): Promise<Response | undefined> => {
    const { path } = WORKER_ADDRESSES.jobs;
    const body = new TextEncoder().encode(JSON.stringify(request));
    try {
      const call = { path, body, accept: 'application/json', signal };
      const response = await callWorker(worker, call, secret);
      if (response.ok) return response;
      await response.body?.cancel();
    } catch (error) {
      if (!signal.aborted) log(`worker ${worker} ${path}: ${errorText(error)}`);
    }
    return undefined;
  };

  return {
    async take({ tenant, id }) {
      let [answers, withoutJobs] = [0, 0];
      const first = turn++ % Math.max(1, workers.length);
      for (const worker of [...workers.slice(first), ...workers.slice(0, first)]) {
        const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
        const response = await ask(worker, { do: 'take', tenant, id }, signal);
        const answer = workerJobsAnswerSchema.safeParse(
          await response?.json().catch(() => undefined),
        );
        if (!answer.success) continue;
        if (answer.data.known) return 'told';
        answers++;
        if (answer.data.reason !== 'no_model') withoutJobs++;
      }
      return answers > 0 && withoutJobs === answers ? 'nobody' : 'told';
    },
    async cancel({ tenant, id }) {
      const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
      const request = { do: 'cancel', tenant, id } as const;
      const answers = await Promise.all(workers.map((worker) => ask(worker, request, signal)));
      await Promise.all(answers.map((answer) => answer?.body?.cancel()));
    },
    async deliver({ tenant, id }) {
      const first = turn++ % Math.max(1, workers.length);
      for (const worker of [...workers.slice(first), ...workers.slice(0, first)]) {
        const signal = AbortSignal.timeout(ANSWER_MILLISECONDS);
        const response = await ask(worker, { do: 'deliver', tenant, id }, signal);
        const answer = workerJobsAnswerSchema.safeParse(
          await response?.json().catch(() => undefined),
        );
        if (answer.success && answer.data.known) return;
      }
    },
    async events({ tenant, id }, after, signal) {
      for (const worker of workers) {
        const request = {
          do: 'events',
          tenant,
          id,
          ...(after !== undefined && { after }),
        } as const;
        const response = await ask(worker, request, signal);
        const isStream = response?.headers.get('content-type')?.startsWith('text/event-stream');
        if (isStream && response?.body) return response.body;
        await response?.body?.cancel();
      }
      return undefined;
    },
  };
}
