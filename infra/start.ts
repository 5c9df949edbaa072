/** `npm start`: edge, worker, disk store and the demo model on this machine. */
import { join } from 'node:path';
import { repositoryRoot, startStack } from './stack.ts';

const say = (line: string): void => console.log(line);

const portText = process.env.PORT ?? '8787';
const port = Number(portText);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT must be a whole number from 0 to 65535, not ${JSON.stringify(portText)}`);
  process.exit(1);
}

try {
  const stack = await startStack({
    port,
    dataFolder: process.env.FOURM_DATA_DIR ?? join(repositoryRoot, '.data'),
    log: say,
  });
  say(`4M Edge is ready. Playground: ${stack.url}/`);
  let stopping = false;
  const shutdown = async (code: number): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await stack.close();
    process.exit(code);
  };
  process.once('SIGINT', () => void shutdown(0));
  process.once('SIGTERM', () => void shutdown(0));
  const reason = await stack.failed;
  console.error(reason);
  await shutdown(1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
