/** The worker's log: one JSON object a line, with a sentence for whoever reads it where it has one. */
import type { WriteEntry } from '../shared/log/entry.ts';

/** Writes an entry; `shared/log` says what becomes of it. */
export type Log = WriteEntry;

/** An error with the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by ${describeError(error.cause)}`;
}
