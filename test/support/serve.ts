/** The product in this process: a real worker behind a real edge. */
import { parseConfig } from '../../edge/config.ts';
import { startEdge } from '../../edge/node.ts';
import { createClient } from '../../shared/client/index.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { startWorker } from '../../worker/worker.ts';

/** A worker behind an edge, and a client of that. */
export async function serve(modelsFolder: string) {
  const secret = 'a secret for this test alone';
  const worker = await startWorker(
    parseWorkerConfig({
      FOURM_WORKER_PORT: '0',
      FOURM_MODELS_DIR: modelsFolder,
      FOURM_WORKER_SECRET: secret,
      FOURM_THREADS: '1',
    }),
    () => {},
  );
  await worker.ready;
  const edge = await startEdge(
    parseConfig({ PORT: '0', FOURM_WORKERS: worker.url, FOURM_WORKER_SECRET: secret }),
  );
  const close = async (): Promise<void> => {
    await edge.close();
    await worker.close();
  };
  return { client: createClient({ baseUrl: `http://127.0.0.1:${edge.port}` }), close };
}
