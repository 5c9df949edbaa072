/** The gate of licences at the edge: see `shared/api/licence.ts`. */
import { allowsCharging, licenceRefusal } from '../shared/api/licence.ts';
import type { Model } from '../shared/api/models.ts';
import type { EdgeContext } from './problems.ts';
import type { Services } from './services.ts';

/** Whether whoever asks pays for it: the guard of the routes says so. */
export const isCharged = (c: EdgeContext): boolean => c.get('turn')?.charged === true;

/** Whether a model is served to whoever asks. */
export const isServed = (
  c: EdgeContext,
  { config }: Pick<Services, 'config'>,
  model: Model,
): boolean => !isCharged(c) || config.ACCEPT_NONCOMMERCIAL || allowsCharging(model);

/** @throws FailureError `licence_refused` for the first that is not served to whoever asks */
export function assertServed(
  c: EdgeContext,
  services: Pick<Services, 'config'>,
  models: readonly Model[],
): void {
  const refused = models.find((model) => !isServed(c, services, model));
  if (refused) throw licenceRefusal(refused);
}
