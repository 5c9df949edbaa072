/** `GET /v1/models`: what the workers have loaded. */
import type { ModelsResponse } from '../../shared/api/models.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModelsRoute =
  (services: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = await loadedModels(c, services);
    return c.json({ models: [...models] } satisfies ModelsResponse);
  };
