/** `GET /v1/modalities?model=`: the modalities of one model, by its own configuration. */
import type { ModalitiesResponse } from '../../shared/api/models.ts';
import { selectModel } from '../../shared/plan/names.ts';
import { type EdgeContext, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

export const createModalitiesRoute =
  ({ dispatcher }: Services) =>
  async (c: EdgeContext): Promise<Response> => {
    const models = await dispatcher.models();
    if (!models.ok) return problemResponse(c, models.failure);
    const model = selectModel(c.req.query('model'), models.value);
    if (!model.ok) return problemResponse(c, model.failure);
    const { id, modalities } = model.value;
    return c.json({ model: id, modalities } satisfies ModalitiesResponse);
  };
