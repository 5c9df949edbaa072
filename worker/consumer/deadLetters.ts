/** Reads what the queue has given up by itself: a job whose message is a dead letter ends with the reason. */
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { isFinal } from '../../shared/jobs/job.ts';
import { parseMessage } from '../../shared/jobs/message.ts';
import type { Received } from '../../shared/queue/queue.ts';
import { finish } from './finish.ts';
import { dead, heldUntil } from './judge.ts';
import type { ConsumerServices } from './services.ts';

/** Letters that are looked at together, and how often: letters stay where they are, and may be many. */
const AT_ONCE = 10;
const ROUNDS = 20;

const GIVEN_UP =
  'the queue gave the job up: worker after worker took it, and each ended before it said anything of it';

/** @throws what the store or the queue throws */
export async function readDeadLetters(
  {
    jobs,
    queues,
    announce,
    now,
    log,
  }: Pick<ConsumerServices, 'jobs' | 'queues' | 'announce' | 'now' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  const letters = queues.dead;

  async function read(letter: Received): Promise<void> {
    // What has a reason was read; what names no job is another's.
    const name = letter.reason === undefined ? parseMessage(letter.body) : undefined;
    if (!name) return;
    // Its own look finds it again, and tells how often it was begun in vain.
    if (BATCH_IDS.is(name.id)) return await letters.bury(letter, GIVEN_UP);
    const job = await jobs.read(name);
    if (!job) return await letters.bury(letter, 'there is no such job');
    if (isFinal(job)) return await letters.bury(letter, `the job had ended: ${job.status}`);
    if ((await heldUntil({ jobs }, job)) > now()) return;
    const next = dead(job, GIVEN_UP, now());
    // Another has changed it meanwhile: the next look sees what it is then.
    if (!next || !(await jobs.write(next))) return;
    log({ event: 'job', id: job.id, status: next.status, code: next.failure?.code });
    await finish({ jobs, announce }, next);
    await letters.bury(letter, GIVEN_UP);
  }

  for (let round = 0; round < ROUNDS && !signal.aborted; round++) {
    const found = await letters.receive({ most: AT_ONCE, waitSeconds: 0, signal });
    if (found.length === 0) return;
    for (const letter of found) await read(letter);
  }
}
