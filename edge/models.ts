/** The models that a request may name. */
import type { Model } from '../shared/api/models.ts';
import { selectModel } from '../shared/plan/names.ts';
import { keepAlive } from './keepAlive.ts';
import { assertServed } from './licence.ts';
import type { EdgeContext } from './problems.ts';
import type { Services } from './services.ts';

/** Every loaded model. @throws FailureError `worker_unavailable` when none was ever heard of */
export const loadedModels = (c: EdgeContext, { dispatcher }: Services): Promise<readonly Model[]> =>
  dispatcher.models(keepAlive(c));

/** The model of a name, or the first without one, to say something of it. @throws FailureError `model_not_loaded`, as above */
export const describedModel = async (
  c: EdgeContext,
  services: Services,
  name: string | undefined,
): Promise<Model> => selectModel(name, await loadedModels(c, services));

/** The same, to have it do something. @throws FailureError `licence_refused`, `model_not_loaded`, as above */
export async function chooseModel(
  c: EdgeContext,
  services: Services,
  name: string | undefined,
): Promise<{ readonly model: Model; readonly models: readonly Model[] }> {
  const models = await loadedModels(c, services);
  const model = selectModel(name, models);
  assertServed(c, services, [model]);
  return { model, models };
}
