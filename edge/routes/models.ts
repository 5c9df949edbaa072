/** `GET /v1/models`: what the workers have loaded. */
import type { ModelsResponse } from '../../shared/api/models.ts';
import { type EdgeContext, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModelsRoute =
  ({ dispatcher }: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = await dispatcher.models();
    if (!models.ok) return problemResponse(c, models.failure);
    return c.json({ models: [...models.value] } satisfies ModelsResponse);
  };
