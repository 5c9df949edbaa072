/** Entry of the worker process. */
import { parseWorkerConfig } from './config.ts';
import { describeError, jsonLog } from './service/log.ts';
import { startWorker } from './worker.ts';

const log = jsonLog((line) => process.stdout.write(`${line}\n`));

try {
  const worker = await startWorker(parseWorkerConfig(process.env), log);
  const stop = (signal: string): void => {
    log({ event: 'signal', signal });
    void worker.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log({ event: 'error', error: describeError(error) });
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  if (error instanceof Error && error.cause !== undefined) {
    process.stderr.write(`caused by ${describeError(error.cause)}\n`);
  }
  process.exit(1);
}
