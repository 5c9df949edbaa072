/** The worker's log: one JSON object a line, with a sentence for whoever reads it where it has one. */
export type Log = (entry: Readonly<Record<string, unknown>>) => void;

export const jsonLog =
  (write: (line: string) => void): Log =>
  (entry) =>
    write(JSON.stringify({ time: new Date().toISOString(), service: 'worker', ...entry }));

/** An error with the causes behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.stack ?? error.message;
  return error.cause === undefined ? text : `${text}\ncaused by ${describeError(error.cause)}`;
}
