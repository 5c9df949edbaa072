/**
 * Adds to a real worker that is killed again and again (SIGKILL): what it has acknowledged has to be there afterwards,
 * once. What was not acknowledged is sent again, as a client does who saw the connection break.
 */
import { once } from 'node:events';
import { WORKER_ADDRESSES } from '../../../shared/api/addresses.ts';
import type { Collection, ItemsResponse } from '../../../shared/api/collections.ts';
import type { CollectionOperation } from '../../../shared/api/collectionWork.ts';
import { callWorker, startWorkerProcess, type WorkerProcess } from '../../support/workerProcess.ts';
import { uniform } from './vectors.ts';

export interface KillOptions {
  readonly modelsFolder: string;
  /** Folder of the collections, or their bucket, with what else the worker needs. */
  readonly env: Readonly<Record<string, string>>;
  readonly adds: number;
  readonly kills: number;
  /** Adds under way at a time. */
  readonly together: number;
}

export interface KillReport {
  readonly lost: number;
  readonly doubled: number;
  readonly sent: number;
  readonly seconds: number;
}

/** Adds that may fail while the worker runs. */
const MOST_BROKEN = 20;
const NAME = 'killed';
const DIMENSIONS = 16;

const bodyOf = (operation: CollectionOperation): string =>
  JSON.stringify({ request_id: 'kills', tenant: 'bench', operation });

async function ask<T>({ url }: WorkerProcess, operation: CollectionOperation): Promise<T> {
  const answer = await callWorker(url, WORKER_ADDRESSES.collections.path, {
    body: bodyOf(operation),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the worker answered ${answer.status} ${text}`);
  return JSON.parse(text) as T;
}

const vectorOf = (i: number): number[] =>
  Array.from({ length: DIMENSIONS }, (_, d) => Math.sin(1 + i * (d + 1)));

/** Every id that the collection has, as often as it has it. */
async function allIds(worker: WorkerProcess): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page: ItemsResponse = await ask(worker, {
      do: 'items',
      name: NAME,
      limit: 1000,
      ...(after !== undefined && { after }),
    });
    ids.push(...page.items.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined);
  return ids;
}

export async function killWriters(options: KillOptions): Promise<KillReport> {
  const { modelsFolder, adds, kills, together } = options;
  const env = { FOURM_SLOTS: String(together), FOURM_QUEUE_TOKENS: '10000000', ...options.env };
  const start = (): Promise<WorkerProcess> => startWorkerProcess(modelsFolder, env);
  const random = uniform(11);
  const began = performance.now();
  let worker = await start();
  await ask<Collection>(worker, {
    do: 'create',
    name: NAME,
    embedding: { kind: 'vector', dimensions: DIMENSIONS },
    dimensions: DIMENSIONS,
    metadata: { number: { type: 'integer', filter: true } },
  });
  const acknowledged = new Set<string>();
  let [next, sent, killed, broken, isDown] = [0, 0, 0, 0, false];
  const again: number[] = [];

  async function add(): Promise<void> {
    for (;;) {
      const i = again.pop() ?? (next < adds ? next++ : undefined);
      if (i === undefined || isDown) {
        if (i !== undefined) again.push(i);
        return;
      }
      sent++;
      const item = { id: `add-${i}`, vector: vectorOf(i), metadata: { number: i } };
      try {
        await ask(worker, { do: 'add', name: NAME, items: [item] });
        acknowledged.add(item.id);
      } catch (error) {
        again.push(i);
        // A kept connection may end by itself between two requests; a worker that is gone ends all of them.
        if (!isDown && ++broken > MOST_BROKEN) throw error;
      }
    }
  }

  async function killSometime(): Promise<void> {
    const bound = ((killed + 0.2 + 0.6 * random()) * adds) / kills;
    while (acknowledged.size < bound && acknowledged.size < adds)
      await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, random() * 30));
    isDown = true;
    const closed = once(worker.child, 'close');
    worker.child.kill('SIGKILL');
    await closed;
    killed++;
  }

  while (acknowledged.size < adds) {
    const killing = killed < kills ? killSometime() : undefined;
    await Promise.all([...Array.from({ length: together }, add), killing]);
    if (!isDown) continue;
    worker = await start();
    isDown = false;
  }
  const ids = await allIds(worker);
  const { count } = await ask<Collection>(worker, { do: 'get', name: NAME });
  const unique = new Set(ids);
  const closed = once(worker.child, 'close');
  worker.child.kill('SIGTERM');
  await closed;
  return {
    lost: [...acknowledged].filter((id) => !unique.has(id)).length,
    doubled: ids.length - unique.size + Math.abs(count - ids.length),
    sent,
    seconds: (performance.now() - began) / 1000,
  };
}
