/** `GET /v1/models`: what the workers have loaded. */
import type { ModelsResponse } from '../../shared/api/models.ts';
import { isServed } from '../licence.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModelsRoute =
  (services: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = await loadedModels(c, services);
    const told = models.map((model) => ({ ...model, served: isServed(c, services, model) }));
    return c.json({ models: told } satisfies ModelsResponse);
  };
