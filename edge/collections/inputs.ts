/** Inputs of items and questions, made ready for a worker: references filled in, files told by their bytes. */
import { collectionSchema } from '../../shared/api/collections.ts';
import { failureAt, together } from '../../shared/api/failures.ts';
import type { InputValue } from '../../shared/api/inputs.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { Sources } from '../../shared/api/takeInput.ts';
import { costOfItem, type EmbedCost, sumOfCosts } from '../../shared/plan/embed.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import type { Files } from '../body/files.ts';
import type { Work } from '../compute/pay.ts';
import { normaliseInputs, pixelsOf } from '../inputs.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createSources } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';
import { askCollections } from './ask.ts';

type Inputs = Readonly<Record<string, InputValue>>;

/** Something that may have inputs, and its pointer in the request. */
export interface Holder {
  readonly inputs?: Record<string, InputValue> | undefined;
}

interface Ready<T> {
  readonly holders: T[];
  /** What it costs to make their vectors. */
  readonly cost: EmbedCost;
  /** The model that makes vectors of them; undefined where nothing has inputs. */
  readonly model: Model | undefined;
  /** What that is priced as. */
  readonly work: Work;
  /** Bytes that inputs gave which were addresses or uploads. */
  readonly sources?: Sources;
}

/**
 * @param name of the collection, whose model it is
 * @param at pointer of each holder
 * @throws FailureError with the pointers of all that does not fit; `unknown_collection`, `model_not_loaded`
 */
export async function readyInputs<T extends Holder>(
  c: EdgeContext,
  services: Services,
  name: string,
  holders: readonly T[],
  at: (index: number) => string,
  files: Files,
): Promise<Ready<T>> {
  const first = holders.findIndex(({ inputs }) => inputs);
  if (first < 0) {
    const cost = sumOfCosts([]);
    return { holders: [...holders], cost, model: undefined, work: { units: cost.units } };
  }
  const { embedding } = await askCollections(c, services, { do: 'get', name }, collectionSchema);
  if (embedding.model === undefined) {
    const detail = `the collection ${name} takes ready vectors alone, since it has no model`;
    throw refusal('invalid_request', detail, at(first) + pointerTo('inputs'));
  }
  const { model } = await chooseModel(c, services, embedding.model);
  if (model.digest !== embedding.digest) {
    const detail =
      `the collection ${name} was made with other weights of ${model.id} than are loaded now, and vectors of the two ` +
      'cannot be compared';
    throw refusal('model_not_loaded', detail);
  }
  const { target, steps, samples, guidance_scale } = embedding;
  const { tokens } = services.keptFor(tenantOf(c));
  const costs: EmbedCost[] = [];
  let pixels = 0;
  const sources = createSources(c, services, files);
  const ready = async (given: Inputs, place: string): Promise<Record<string, InputValue>> => {
    const resolved = await resolveInputs(given, model, tokens);
    const settings = { target, steps, samples, guidance_scale };
    costs.push(costOfItem({ inputs: resolved, at: '' }, settings, model));
    const settled = await sources.settle(resolved, place);
    const inputs = normaliseInputs(settled, model, files);
    pixels += pixelsOf(inputs, files);
    return inputs;
  };
  const outcomes = await Promise.allSettled(
    holders.map(async (holder, index): Promise<T> => {
      if (!holder.inputs) return holder;
      try {
        return { ...holder, inputs: await ready(holder.inputs, at(index)) };
      } catch (error) {
        throw failureAt(error, at(index));
      }
    }),
  );
  const errors = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (errors.length > 0) throw together(errors);
  const cost = sumOfCosts(costs, pixels);
  return {
    holders: outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    cost,
    model,
    work: { model, units: cost.units },
    sources: sources.found(),
  };
}
