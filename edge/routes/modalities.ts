/** `GET /v1/modalities?model=`: the modalities of one model, by its own configuration. */
import type { ModalitiesResponse } from '../../shared/api/models.ts';
import { describedModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModalitiesRoute =
  (services: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const { id, modalities } = await describedModel(c, services, c.req.query('model'));
    return c.json({ model: id, modalities } satisfies ModalitiesResponse);
  };
