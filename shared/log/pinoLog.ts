/** The log of a Node process, through pino: every line is written before the call returns, so that none is lost at an end. */
import pino from 'pino';
import { type LogOptions, levelOf, type WriteEntry } from './entry.ts';
import { createScrub } from './scrub.ts';

const STDERR = 2;
/** Characters that are gathered at most. */
const GATHERED = 16_000;

type Destination = pino.DestinationStream & { flushSync?(): void };

/**
 * Standard error for who writes a line a request: the lines of one turn of the event loop are written together, at its
 * end. Who is killed without warning loses those of that turn. Nothing is synced to a disk, which would hold up a request.
 */
export function gatheredStandardError(): Destination {
  const stream = pino.destination({ dest: STDERR, sync: true });
  let lines = '';
  const flushSync = (): void => {
    if (lines === '') return;
    const gathered = lines;
    lines = '';
    stream.write(gathered);
  };
  process.once('exit', flushSync);
  return {
    flushSync,
    write(line: string) {
      if (lines === '') setImmediate(flushSync);
      lines += line;
      if (lines.length > GATHERED) flushSync();
    },
  };
}

export function createPinoLog(
  { service, level, secrets }: LogOptions,
  to: Destination = pino.destination({ dest: STDERR, sync: true }),
): WriteEntry {
  const scrub = createScrub(secrets);
  const logger = pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }), log: scrub },
    },
    to,
  );
  return (entry) => {
    const { level: _, ...rest } = entry;
    const own = levelOf(entry);
    logger[own](rest);
    // What should not have happened may be the last that is heard.
    if (own === 'warn' || own === 'error') to.flushSync?.();
  };
}
