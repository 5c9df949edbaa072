/** `GET /healthz` and `GET /readyz`. */
import type { Ready } from '../../shared/api/health.ts';
import { loadedModels } from '../models.ts';
import { type EdgeContext, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

export const healthz = (c: EdgeContext): Response => c.json({ status: 'ok' });

/**
 * Ready when the store can be written, a worker is ready, and a model is loaded. Where jobs wait in a queue that
 * workers fetch them from, none has to run: it is enough that the models are known.
 */
export const createReadyRoute =
  (services: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const { store, dispatcher, log, config } = services;
    const [storeTrouble, workerReady, models] = await Promise.all([
      store.check().then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      ),
      config.FOURM_QUEUE === 'sqs' || dispatcher.ready(),
      loadedModels(c, services).catch(() => []),
    ]);
    if (storeTrouble !== undefined) log(`store ${store.kind} is not usable: ${storeTrouble}`);
    const loaded = models.map(({ id }) => id);
    const missing = [
      storeTrouble === undefined ? [] : [`the ${store.kind} store cannot be used`],
      workerReady ? [] : ['no worker is ready'],
      loaded.length > 0 ? [] : ['no model is loaded'],
    ].flat();
    if (missing.length > 0) {
      const detail = missing.join('; ');
      return problemResponse(c, { code: 'not_ready', detail, retryAfterSeconds: 2 });
    }
    return c.json({ status: 'ready', store: store.kind, models: loaded } satisfies Ready);
  };
