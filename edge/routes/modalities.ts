/** `GET /v1/modalities?model=`: the modalities of one model, by its own configuration. */
import type { ModalitiesResponse } from '../../shared/api/models.ts';
import { orThrow } from '../../shared/api/problem.ts';
import { selectModel } from '../../shared/plan/names.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModalitiesRoute =
  ({ dispatcher }: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = orThrow(await dispatcher.models());
    const { id, modalities } = selectModel(c.req.query('model'), models);
    return c.json({ model: id, modalities } satisfies ModalitiesResponse);
  };
