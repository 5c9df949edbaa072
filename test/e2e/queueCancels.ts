/** Cancels of jobs and batches whose worker no edge can tell: how many steps are done in spite of them. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { freePort } from '../../infra/ports.ts';
import type { BatchRequest, Client } from '../../shared/client/index.ts';
import { metricsOf, sumOf } from '../support/exposition.ts';
import { SECRET, type WorkerProcess } from '../support/workerProcess.ts';

const TARGETS = ['rgb', 'depth', 'normal', 'semseg', 'canny_edge'];
const STEPS = 200;
const ALL = TARGETS.length * STEPS;
/** Steps that may come after a cancel: some ten fit between two looks, and some hundred between two signs of life. */
const MOST_AFTER = 30;

const endless = (seed: number) => ({
  inputs: { caption: 'a red cube' },
  targets: TARGETS.map((modality) => ({ modality, steps: STEPS })),
  outputs: 'tokens' as const,
  seed,
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    if (await holds()) return;
    await sleep(100);
  }
  assert.fail(`${what} did not come to be within two minutes`);
}

/**
 * @param client asks an edge that knows no worker
 * @param startWorker starts the only worker that there is
 */
export async function cancelsStop(
  client: Client,
  env: Readonly<Record<string, string>>,
  startWorker: (more: Record<string, string>) => Promise<WorkerProcess>,
): Promise<void> {
  const port = await freePort();
  const worker = await startWorker({
    FOURM_EDGE: `http://127.0.0.1:${port}`,
    // Signs of life are a hundred times as far apart.
    FOURM_CANCEL_LOOK_MILLISECONDS: '50',
  });
  // Lines of batches are asked of it; whoever cancels asks the other.
  const near = { PORT: String(port), FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: SECRET };
  const asked = await startEdge(parseConfig({ ...env, ...near }));

  /** Steps so far, as the worker counts them. */
  const stepsDone = async (): Promise<number> =>
    sumOf(await metricsOf(worker.url), 'fourm_worker_step_seconds_count', { kind: 'predict' });
  /** Cancels what runs in its midst: few steps are done after the cancel was answered. */
  async function stops(before: number, cancel: () => Promise<unknown>): Promise<void> {
    await until('the first steps', async () => (await stepsDone()) > before + 10);
    await cancel();
    const canceled = await stepsDone();
    assert.ok(canceled < before + ALL / 2, 'it is canceled in its midst');
    let last = canceled;
    await until('the end of its steps', async () => {
      const [seen, now] = [last, await stepsDone()];
      last = now;
      return now === seen;
    });
    assert.ok(last - canceled < MOST_AFTER, `${last - canceled} of ${ALL} steps came afterwards`);
  }

  try {
    let before = await stepsDone();
    const job = await client.jobs.submit('generate', endless(4));
    await stops(before, async () => {
      assert.equal((await job.cancel()).status, 'canceled');
    });
    const line = (seed: number): BatchRequest => {
      const body = endless(seed);
      return { custom_id: `${seed}`, method: 'POST', url: '/v1/generate', body };
    };
    before = await stepsDone();
    const batch = await client.batches.create([line(5), line(6)]);
    await stops(before, () => client.batches.cancel(batch.id));
    const { status, request_counts } = await client.batches.wait(batch.id);
    assert.deepEqual([status, request_counts.failed], ['cancelled', 2]);
    assert.equal((await client.jobs.get(job.id)).job.status, 'canceled');
  } finally {
    await asked.close();
  }
}
