/** A line of a log, as every process writes it: one JSON object, with a sentence for whoever reads it where it has one. */

export type Entry = Readonly<Record<string, unknown>>;
export type WriteEntry = (entry: Entry) => void;

export const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type Level = (typeof LEVELS)[number];
export type EntryLevel = Exclude<Level, 'silent'>;

const isLevel = (value: unknown): value is EntryLevel =>
  value === 'debug' || value === 'info' || value === 'warn' || value === 'error';

/** What an entry says of itself; an error where it tells of one. */
export function levelOf({ level, event, error, status }: Entry): EntryLevel {
  if (isLevel(level)) return level;
  const isError = error !== undefined || event === 'error' || Number(status) >= 500;
  return isError ? 'error' : 'info';
}

export interface LogOptions {
  /** Who writes: `worker` or `edge`. */
  readonly service: string;
  readonly level: Level;
  /** Of the settings: they appear in no line, whatever is logged. */
  readonly secrets: readonly (string | undefined)[];
}
