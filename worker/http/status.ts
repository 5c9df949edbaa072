/** What a worker does now and has done so far, for whoever watches it. */
import type { WorkerStatus } from '../../shared/api/worker.ts';
import type { JobServices } from '../service/services.ts';

export function workerStatus({ registry, gate }: JobServices): WorkerStatus {
  return {
    jobs: { running: gate.running(), waiting: gate.waiting(), tokens: gate.tokens() },
    ...registry.status(),
  };
}
