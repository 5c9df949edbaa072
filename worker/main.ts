/**
 * Entry of the worker process. It ends with 0 when it was told to end, with 2 when it could not start, and
 * with 1 after an error that nobody expected: then its state is unknown, and whoever runs it starts another.
 */
import { createPinoLog } from '../shared/log/pinoLog.ts';
import { logOptions, parseWorkerConfig } from './config.ts';
import { describeError } from './log.ts';
import { startWorker, type Worker } from './worker.ts';

const EXIT = { told: 0, unexpected: 1, notStarted: 2 } as const;
/** What an ending worker may take beyond its drain before it is ended by force. */
const FORCE_MILLISECONDS = 30_000;
/** What it may take when its parent has gone. */
const ORPHAN_MILLISECONDS = 2_000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const log = createPinoLog(logOptions(process.env));
let worker: Worker | undefined;
let ending: number | undefined;

/** Ends in order; the first reason decides the exit code, a second one ends the drain. */
function end(code: number): void {
  if (ending !== undefined) {
    worker?.hurry();
    return;
  }
  ending = code;
  if (!worker) process.exit(code);
  worker.close().then(
    () => process.exit(code),
    (error: unknown) => {
      log({ event: 'error', message: 'the worker could not stop', error: describeError(error) });
      process.exit(EXIT.unexpected);
    },
  );
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    log({ event: 'signal', message: `the worker was sent ${signal}`, signal });
    end(EXIT.told);
  });
}

// A parent that keeps a channel open (`npm start`) closes it by dying, in whatever way.
process.once('disconnect', () => {
  log({ event: 'orphaned', message: 'the parent process has gone, and the worker ends' });
  end(EXIT.unexpected);
  worker?.hurry();
  // Whoever starts the next one needs the memory.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_MILLISECONDS).unref();
});

// Rejections that nobody handles arrive here as well.
process.on('uncaughtException', (error) => {
  const message = 'the worker met an error that nobody expected, and ends';
  log({ event: 'uncaught', message, error: describeError(error) });
  end(EXIT.unexpected);
  worker?.hurry();
  setTimeout(() => process.exit(EXIT.unexpected), FORCE_MILLISECONDS).unref();
});

function tell(error: unknown): void {
  say(error instanceof Error ? error.message : String(error));
  if (error instanceof Error && error.cause !== undefined) {
    say(`caused by ${describeError(error.cause)}`);
  }
}

try {
  worker = await startWorker(parseWorkerConfig(process.env), log);
  await worker.ready;
} catch (error) {
  // Told to end while it was loading: that is no failure.
  if (ending === undefined) {
    tell(error);
    end(EXIT.notStarted);
  }
}
