/** The models that a request may name. */
import type { Model } from '../shared/api/models.ts';
import { selectModel } from '../shared/plan/names.ts';
import { keepAlive } from './keepAlive.ts';
import type { EdgeContext } from './problems.ts';
import type { Services } from './services.ts';

/** Every loaded model. @throws FailureError `worker_unavailable` when none was ever heard of */
export const loadedModels = (c: EdgeContext, { dispatcher }: Services): Promise<readonly Model[]> =>
  dispatcher.models(keepAlive(c));

/** The model of a name, or the first without one. @throws FailureError `model_not_loaded`, as above */
export async function chooseModel(
  c: EdgeContext,
  services: Services,
  name: string | undefined,
): Promise<{ readonly model: Model; readonly models: readonly Model[] }> {
  const models = await loadedModels(c, services);
  return { model: selectModel(name, models), models };
}
