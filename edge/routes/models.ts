/** `GET /v1/models`: what the workers have loaded. */
import type { ModelsResponse } from '../../shared/api/models.ts';
import { orThrow } from '../../shared/api/problem.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModelsRoute =
  ({ dispatcher }: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = orThrow(await dispatcher.models());
    return c.json({ models: [...models] } satisfies ModelsResponse);
  };
