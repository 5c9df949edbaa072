/**
 * The models that workers have, or had, in the store: what jobs can be asked for while no worker runs, and how long ago
 * one had a model that nobody has now. Each model is an object of its own, so that workers with different models do
 * not overwrite each other.
 *
 *   state/models/<hash of its id>.json
 */
import * as z from 'zod';
import { type Model, modelSchema } from '../api/models.ts';
import { sha256 } from '../results/content.ts';
import { readStored, writeStored } from '../results/stored.ts';
import type { Store } from '../store/store.ts';

const entrySchema = z.object({
  model: modelSchema,
  /** Its place in the listing of a worker: the first is the one that is meant where none is named. */
  place: z.number(),
  /** When a worker last had it, in unix milliseconds. */
  seen: z.number(),
});
type Entry = z.infer<typeof entrySchema>;

const FOLDER = 'state/models/';
/** A model that no worker has had for so long is forgotten. */
const REMEMBERED_MILLISECONDS = 30 * 24 * 3_600_000;

/** Every function throws what the store throws when it is out of order. */
export interface ModelMemory {
  /** Says that workers have these models now; writes what is news, and again when that is old. */
  remember(models: readonly Model[]): Promise<void>;
  /** The models that workers had, the default first; without their states, which were true for a moment. */
  recall(): Promise<readonly Model[]>;
  /** When a worker last had a model, in unix milliseconds. */
  seen(id: string): Promise<number | undefined>;
}

export interface ModelMemoryOptions {
  /** After how long something that has not changed is written again. */
  readonly refreshMilliseconds: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

const keyOf = async (id: string): Promise<string> =>
  `${FOLDER}${(await sha256(new TextEncoder().encode(id))).slice(0, 32)}.json`;

export function createModelMemory(
  store: Store,
  { refreshMilliseconds, now = Date.now }: ModelMemoryOptions,
): ModelMemory {
  const written = new Map<string, { readonly text: string; readonly at: number }>();

  async function read(key: string): Promise<Entry | undefined> {
    const found = await readStored(store, key, entrySchema);
    return found.state === 'found' ? found.value : undefined;
  }

  /** Where one worker has a model whole and another its encoder alone, it is described as it is whole. */
  async function isBetterKnown(key: string, model: Model): Promise<boolean> {
    if (model.kind !== 'encoder') return false;
    const known = await read(key);
    const isRecent = known !== undefined && now() - known.seen < 3 * refreshMilliseconds;
    return isRecent && known.model.kind !== 'encoder' && known.model.digest === model.digest;
  }

  return {
    async remember(models) {
      for (const [place, { state: _, ...model }] of models.entries()) {
        const text = JSON.stringify([place, model]);
        const before = written.get(model.id);
        if (before?.text === text && now() - before.at < refreshMilliseconds) continue;
        const key = await keyOf(model.id);
        if (!(await isBetterKnown(key, model)))
          await writeStored(store, key, { model, place, seen: now() } satisfies Entry);
        written.set(model.id, { text, at: now() });
      }
    },
    async recall() {
      const entries: Entry[] = [];
      for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
        const page = await store.list(FOLDER, cursor);
        const found = await Promise.all(page.keys.map(read));
        entries.push(...found.filter((entry) => entry !== undefined));
        cursor = page.cursor;
      }
      return entries
        .filter(({ seen }) => now() - seen < REMEMBERED_MILLISECONDS)
        .sort((a, b) => a.place - b.place || (a.model.id < b.model.id ? -1 : 1))
        .map(({ model }) => model);
    },
    seen: async (id) => (await read(await keyOf(id)))?.seen,
  };
}
