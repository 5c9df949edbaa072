/** Entry of the worker process. */
import { parseWorkerConfig } from './config.ts';
import { describeError, jsonLog } from './service/log.ts';
import { startWorker } from './worker.ts';

const log = jsonLog((line) => process.stdout.write(`${line}\n`));

/** Time for what is running when the parent has gone: whoever starts the next one needs the memory. */
const ORPHAN_MS = 2000;
let stop = (reason: string): void => {
  log({ event: 'signal', signal: reason });
  process.exit(1);
};
// A parent that keeps a channel open (`npm start`) closes it by dying, in whatever way.
process.once('disconnect', () => {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), ORPHAN_MS).unref();
  stop('the parent process has gone');
});

try {
  const worker = await startWorker(parseWorkerConfig(process.env), log);
  stop = (signal) => {
    log({ event: 'signal', signal });
    void worker.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log({ event: 'error', error: describeError(error) });
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof Error && error.cause !== undefined) {
    process.stderr.write(`caused by ${describeError(error.cause)}\n`);
  }
  process.exit(1);
}
