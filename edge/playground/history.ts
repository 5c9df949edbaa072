/** What was asked for in this browser: bounded, kept with small previews, and forgotten on demand. */
import type { Picture } from './given.ts';
import { browserStorage, type Kept } from './storage.ts';

export interface HistoryEntry {
  /** The result's id: asked for again, a request takes the place of its former self. */
  readonly id: string;
  readonly model: string;
  readonly at: number;
  /** The form's state, as a link has it. */
  readonly link: string;
  /** Pictures that a link does not hold, by field, where they are small. */
  readonly own: Readonly<Record<string, Picture>>;
  readonly title: string;
  readonly previews: readonly string[];
}

export interface History {
  list(model: string): readonly HistoryEntry[];
  add(entry: HistoryEntry): void;
  remove(id: string): void;
  clear(): void;
}

const NAME = '4m-edge-history';
const MOST_ENTRIES = 24;
/** Of all entries together; browsers keep about five million. */
const MOST_CHARACTERS = 1_500_000;
/** Of a picture that is kept with an entry. */
export const SMALL_PICTURE = 60_000;

function read(storage: Kept): HistoryEntry[] {
  try {
    const value: unknown = JSON.parse(storage.getItem(NAME) ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The oldest go until what is left fits. */
function write(storage: Kept, entries: readonly HistoryEntry[]): void {
  const kept = entries.slice(0, MOST_ENTRIES);
  while (kept.length > 0 && JSON.stringify(kept).length > MOST_CHARACTERS) kept.pop();
  try {
    storage.setItem(NAME, JSON.stringify(kept));
  } catch {
    // A browser that keeps nothing has no history.
  }
}

export function createHistory(storage = browserStorage): History {
  return {
    list: (model) => read(storage).filter((entry) => entry.model === model),
    add(entry) {
      write(storage, [entry, ...read(storage).filter(({ id }) => id !== entry.id)]);
    },
    remove(id) {
      write(
        storage,
        read(storage).filter((entry) => entry.id !== id),
      );
    },
    clear() {
      storage.removeItem(NAME);
    },
  };
}
