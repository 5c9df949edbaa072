/** What a worker does again and again beside its jobs: it looks for lost ones, and says which models it has. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchName } from '../../shared/batches/batch.ts';
import { messageOf } from '../../shared/jobs/message.ts';
import { readDeadLetters } from './deadLetters.ts';
import { type ConsumerServices, jitter } from './services.ts';
import { type SweepServices, sweepOwn, sweepShared } from './sweep.ts';

/** Between two looks for what is too old. */
const TIDY_MILLISECONDS = 3_600_000;
/** Between two looks whether there is something new to say of the models. */
const TELL_MILLISECONDS = 15_000;

type Trouble = (message: string, error: unknown) => void;

async function again(
  milliseconds: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await work();
    // Spread, so that workers that were started together do not do it together.
    const pause = jitter(milliseconds);
    await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/** Resolves when the signal has aborted. */
export async function keepLookout(
  services: ConsumerServices & SweepServices,
  trouble: Trouble,
  signal: AbortSignal,
): Promise<void> {
  const { queues, batches, turn, times, memory, models, log } = services;
  const isShared = queues.batch.isShared;

  const found = (name: BatchName): Promise<void> => queues.batch.send(messageOf(name));

  async function look(): Promise<void> {
    if (!isShared) {
      await sweepOwn(services, signal);
      await batches?.sweep({ found, isDue: () => true }, signal);
      return;
    }
    const since = await turn.take();
    if (since === undefined) return;
    await readDeadLetters(services, signal);
    const sent = await sweepShared(
      services,
      {
        sinceMilliseconds: since,
        youngMilliseconds: times.sweepMilliseconds,
        ...(batches && { batches: (isDue) => batches.sweep({ found, isDue }, signal) }),
      },
      signal,
    );
    if (sent > 0) log({ event: 'sweep', message: `${sent} jobs were sent again`, sent });
  }

  async function tidy(): Promise<void> {
    const removed = await services.removeOld(signal);
    const message = `${removed} objects of jobs and batches were too old, and are removed`;
    if (removed > 0) log({ event: 'sweep', message, removed });
  }

  await Promise.all([
    again(
      TIDY_MILLISECONDS,
      () => tidy().catch((error) => trouble('what is too old cannot be removed', error)),
      signal,
    ),
    again(
      times.sweepMilliseconds,
      () => look().catch((error) => trouble('jobs cannot be looked for', error)),
      signal,
    ),
    again(
      TELL_MILLISECONDS,
      () =>
        memory
          .remember(models())
          .catch((error) => trouble('the store cannot be told of the models', error)),
      signal,
    ),
  ]);
}
