/** Models as tasks borrow them: known by what they say of themselves, in memory for the time of their use. */
import type { Model } from '../../shared/api/models.ts';
import { present } from '../../shared/lookup.ts';
import type { Served } from './servedModel.ts';

export interface Lender {
  /** Every model that a target may need. */
  readonly descriptions: readonly Model[];
  /**
   * Has the model in memory while `work` runs. One at a time: whoever kept one while it waits for another
   * could wait for ever, where the two do not fit together.
   * @throws FailureError when it cannot be had; whatever `work` throws
   */
  readonly use: <T>(wanted: Model, work: (model: Served) => Promise<T>) => Promise<T>;
}

/** Models that are in memory anyway. */
export const lendLoaded = (models: readonly Served[]): Lender => ({
  descriptions: models.map(({ description }) => description),
  use: (wanted, work) => {
    const model = models.find(({ description }) => description === wanted);
    return work(present(model, `the model ${wanted.id}`));
  },
});
