/** What has become of what was acknowledged, held against what it had to come to. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Callers } from './callers.ts';
import type { Receiver } from './receiver.ts';
import type { Wanted } from './work.ts';

const lineSchema = z.object({
  custom_id: z.string(),
  response: z.object({ body: z.object({ outputs: z.unknown() }).loose() }).loose(),
});
const JOB_ENDS = ['succeeded', 'failed', 'canceled'];
const BATCH_ENDS = ['completed', 'failed', 'expired', 'cancelled'];

/**
 * How long things are waited for that have not come: some time from the last that came. A fleet on a busy machine
 * takes long, and has lost nothing as long as it goes on.
 */
export interface Patience {
  readonly came: () => void;
  readonly isOver: () => boolean;
}

/** @param seconds in which something has to come */
export function createPatience(seconds: number): Patience {
  let last = performance.now();
  return {
    came: () => {
      last = performance.now();
    },
    isOver: () => performance.now() - last > seconds * 1000,
  };
}

/** Looks until everything has an end. @returns those that have none in time, and the ends of the others */
async function endsOf(
  ids: Iterable<string>,
  patience: Patience,
  look: (id: string) => Promise<string>,
  ends: readonly string[],
): Promise<Map<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  for (const id of ids) {
    let status = await look(id);
    while (!ends.includes(status) && !patience.isOver()) {
      await sleep(250);
      status = await look(id);
    }
    if (ends.includes(status)) patience.came();
    found.set(id, ends.includes(status) ? status : undefined);
  }
  return found;
}

export async function checkJobs(
  callers: Callers,
  jobs: ReadonlyMap<string, Wanted>,
  patience: Patience,
  findings: string[],
) {
  const ends = await endsOf(
    jobs.keys(),
    patience,
    async (id) => (await callers.job(id)).status,
    JOB_ENDS,
  );
  let [lost, wrong, givenUp] = [0, 0, 0];
  for (const [id, status] of ends) {
    const { result, problem } = await callers.job(id);
    const isRight = JSON.stringify(result?.outputs) === jobs.get(id)?.outputs;
    if (status === undefined) lost++;
    else if (problem?.code === 'attempts_exhausted') givenUp++;
    else if (status !== 'succeeded' || !isRight) wrong++;
    if (status !== 'succeeded' || !isRight)
      findings.push(`job ${id}: ${status ?? 'no end'} ${JSON.stringify(problem ?? '')}`);
  }
  return { ends, lost, wrong, givenUp };
}

export async function checkBatches(
  callers: Callers,
  batches: ReadonlyMap<string, readonly Wanted[]>,
  patience: Patience,
  findings: string[],
) {
  const ends = await endsOf(batches.keys(), patience, callers.batchStatus, BATCH_ENDS);
  let [lost, wrong] = [0, 0];
  for (const [id, status] of ends) {
    if (status === undefined) {
      lost++;
      findings.push(`batch ${id}: no end`);
      continue;
    }
    const { output, errors } = await callers.batchLines(id);
    const lines = z.array(lineSchema).safeParse(output).data ?? [];
    const wanted = batches.get(id) ?? [];
    const isRight =
      status === 'completed' &&
      errors.length === 0 &&
      lines.length === wanted.length &&
      lines.every(
        ({ custom_id, response }, index) =>
          custom_id === `line-${index}` &&
          JSON.stringify(response.body.outputs) === wanted[index]?.outputs,
      );
    if (isRight) continue;
    wrong++;
    const first = JSON.stringify(errors[0] ?? '').slice(0, 500);
    findings.push(`batch ${id}: ${status}, ${lines.length} of ${wanted.length} lines, ${first}`);
  }
  return { ends, lost, wrong };
}

/** Waits for the webhooks of ends. */
export async function checkWebhooks(
  receiver: Receiver,
  expected: readonly string[],
  patience: Patience,
  findings: string[],
) {
  const missing = (): string[] => expected.filter((key) => !receiver.events.has(key));
  for (let left = missing().length; left > 0 && !patience.isOver(); ) {
    await sleep(500);
    const now = missing().length;
    if (now < left) patience.came();
    left = now;
  }
  const lost = missing();
  findings.push(...lost.map((key) => `the webhook ${key} has not come`));
  const doubled = [...receiver.events].filter(([, ids]) => ids.size > 1);
  findings.push(...doubled.map(([key, ids]) => `the webhook ${key} came as ${[...ids].join()}`));
  return { lost: lost.length, doubled: doubled.length };
}
