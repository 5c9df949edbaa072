/** The log of a Node process, through pino: every line is written before the call returns, so that none is lost at an end. */
import pino from 'pino';
import { type LogOptions, levelOf, type WriteEntry } from './entry.ts';
import { createScrub } from './scrub.ts';

const STDERR = 2;

export function createPinoLog(
  { service, level, secrets }: LogOptions,
  to: pino.DestinationStream = pino.destination({ dest: STDERR, sync: true }),
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
    logger[levelOf(entry)](rest);
  };
}
