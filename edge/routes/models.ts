/** `GET /v1/models` and `GET /v1/models/{id}`: what the workers have loaded, also as OpenAI's clients list it. */
import {
  FAMILIAR_MODEL,
  type Model,
  type ModelResponse,
  type ModelsResponse,
} from '../../shared/api/models.ts';
import { isServed } from '../licence.ts';
import { describedModel, loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export function createModelRoutes(services: Services) {
  const told = (c: EdgeContext, model: Model): Model => ({
    ...model,
    served: isServed(c, services, model),
  });
  return {
    async models(c: EdgeContext): Promise<Response> {
      const models = await loadedModels(c, services);
      return c.json({
        object: 'list',
        models: models.map((model) => told(c, model)),
        data: models.map(({ id }) => ({ id, ...FAMILIAR_MODEL })),
      } satisfies ModelsResponse);
    },
    async model(c: EdgeContext): Promise<Response> {
      const model = await describedModel(c, services, c.req.param('id'));
      return c.json({ ...told(c, model), ...FAMILIAR_MODEL } satisfies ModelResponse);
    },
  };
}
