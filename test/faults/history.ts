/** What became of jobs, by every revision of their documents: how long it took until a killed worker's were begun anew. */
import { isBegun, type JobDocument, jobDocumentSchema } from '../../shared/jobs/job.ts';
import type { Store } from '../../shared/store/store.ts';

export interface Kill {
  /** The worker as documents name it: `holder.worker`. */
  readonly worker: string;
  /** Unix milliseconds by the clock of this machine. */
  readonly at: number;
}

/** The documents of each job, the first revision first. */
export async function readHistories(store: Store): Promise<Map<string, JobDocument[]>> {
  const histories = new Map<string, JobDocument[]>();
  let cursor: string | undefined;
  do {
    const page = await store.list('jobs/', cursor);
    for (const key of page.keys) {
      const text = new TextDecoder().decode((await store.get(key))?.body);
      const document = jobDocumentSchema.parse(JSON.parse(text));
      const own = histories.get(document.id) ?? [];
      histories.set(document.id, [...own, document]);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return histories;
}

/**
 * Milliseconds from the death of a worker to the next change of a job that it had, one for each such job.
 * @param skews of the clocks of workers, in milliseconds
 */
export function recoveries(
  histories: Iterable<readonly JobDocument[]>,
  kills: readonly Kill[],
  skews: ReadonlyMap<string, number>,
): number[] {
  const skewOf = ({ holder }: JobDocument): number => skews.get(holder?.worker ?? '') ?? 0;
  const times: number[] = [];
  for (const history of histories) {
    for (const [index, document] of history.entries()) {
      const next = history[index + 1];
      if (!isBegun(document) || !next) continue;
      const from = document.updated - skewOf(document);
      const to = next.updated - skewOf(next);
      const kill = kills.find(
        ({ worker, at }) => worker === document.holder?.worker && at >= from && at <= to,
      );
      if (kill) times.push(to - kill.at);
    }
  }
  return times;
}
