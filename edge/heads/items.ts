/** Items of a request, each with inputs of its own: references -> tokens, files -> bytes. */
import { eachInSlices, failureAt } from '../../shared/api/failures.ts';
import type { GenerateRequest } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import type { PlacedItem } from '../../shared/plan/classify.ts';
import { planInputs } from '../../shared/plan/plan.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import type { Files } from '../body/files.ts';
import { normaliseInputs, pixelsOf } from '../inputs.ts';
import type { Kept } from '../services.ts';
import { type RequestSources, settleEach } from '../sources/sources.ts';

type Inputs = GenerateRequest['inputs'];

/**
 * The inputs of each item, checked against the model and as a worker takes them.
 * @throws FailureError with the fields of every item that does not fit
 */
export async function settleItems(
  items: readonly PlacedItem[],
  model: Model,
  { tokens }: Pick<Kept, 'tokens'>,
  files: Files,
  sources: RequestSources,
): Promise<Inputs[]> {
  const resolved = await Promise.allSettled(
    items.map(({ inputs }) => resolveInputs(inputs, model, tokens)),
  );
  const planned = await eachInSlices(items, ({ at }, index) => {
    try {
      const own = resolved[index];
      if (own?.status !== 'fulfilled') throw own?.reason;
      planInputs({ inputs: own.value }, model);
      return { inputs: own.value, at };
    } catch (error) {
      throw failureAt(error, at);
    }
  });
  // Nothing is fetched for a request that does not fit.
  const settled = await settleEach(planned, sources);
  return await eachInSlices(settled, ({ inputs, at }): Inputs => {
    try {
      return normaliseInputs(inputs, model, files);
    } catch (error) {
      throw failureAt(error, at);
    }
  });
}

/** Pixels of all pictures and masks of the items. */
export const pixelsOfItems = (items: readonly PlacedItem[], files: Files): number =>
  items.reduce((sum, { inputs }) => sum + pixelsOf(inputs, files), 0);
