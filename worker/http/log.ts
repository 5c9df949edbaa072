/** One JSON object a line. */
export type Log = (entry: Readonly<Record<string, unknown>>) => void;

export const jsonLog =
  (write: (line: string) => void): Log =>
  (entry) =>
    write(JSON.stringify({ time: new Date().toISOString(), service: 'worker', ...entry }));
