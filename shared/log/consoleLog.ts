/** The same log where there is no pino: on Workers, which collect what is written to the console. */
import { LEVELS, type LogOptions, levelOf, type WriteEntry } from './entry.ts';
import { createScrub } from './scrub.ts';

export function createConsoleLog(
  { service, level, secrets }: LogOptions,
  write: (line: string) => void = (line) => console.error(line),
): WriteEntry {
  const scrub = createScrub(secrets);
  return (entry) => {
    const own = levelOf(entry);
    if (LEVELS.indexOf(own) < LEVELS.indexOf(level)) return;
    const time = new Date().toISOString();
    write(JSON.stringify({ time, service, ...scrub(entry), level: own }));
  };
}
