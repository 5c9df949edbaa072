/** Inputs and ready vectors -> vectors of length 1, as a collection was made to have them. */
import type { Vector } from '../../shared/api/collections.ts';
import { failureAt } from '../../shared/api/failures.ts';
import type { InputValue } from '../../shared/api/inputs.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { itemAt, present } from '../../shared/lookup.ts';
import { embeddingTarget } from '../../shared/plan/embed.ts';
import { targetModality } from '../../shared/plan/names.ts';
import type { OnStep } from '../batching/step.ts';
import type { Description } from '../retrieval/description.ts';
import { numbersOf, unit } from '../retrieval/vectors.ts';
import { decodeVectors } from './decodeVectors.ts';
import { itemFeatures } from './features.ts';
import type { Lender } from './lender.ts';
import { predictEmbeddings } from './predictEmbeddings.ts';
import { asGenerator, type InputModel, type Served } from './servedModel.ts';
import { runTokenize } from './tokens.ts';

type Path = readonly PropertyKey[];

/** What makes vectors of inputs. */
export interface Vectorising {
  readonly lender: Lender;
  readonly tenant: string;
  readonly signal: AbortSignal;
  /** Told of every step of a model that it takes part in. */
  readonly onStep?: OnStep | undefined;
}

export interface Source {
  readonly inputs?: Record<string, InputValue> | undefined;
  readonly vector?: Vector | undefined;
}

export interface PlacedSource {
  readonly source: Source;
  /** Where it stands in the request. */
  readonly path: Path;
}

export interface Vectorised {
  /** (D), of length 1. */
  readonly vector: Float32Array;
  /** Tokens that were predicted for it. */
  readonly tokens?: readonly number[] | undefined;
}

/** The model of a collection. @throws FailureError `model_not_loaded`, also for other weights of that name */
function modelOf({ embedding, name }: Description, lender: Lender): Model {
  const model = lender.descriptions.find(({ id }) => id === embedding.model);
  if (model && model.digest === embedding.digest) return model;
  const detail = model
    ? `the collection ${name} was made with other weights of ${model.id} than are loaded now`
    : `the model ${embedding.model} of the collection ${name} is not loaded`;
  throw refusal('model_not_loaded', detail);
}

/** Vectors of sets of inputs, not yet of length 1, in shared runs of the model. */
async function made(
  items: readonly { readonly inputs: Record<string, InputValue>; readonly at: string }[],
  { embedding }: Description,
  model: Served,
  { signal, tenant, onStep }: Vectorising,
): Promise<Vectorised[]> {
  const options = { signal, turn: { tenant, onStep } };
  if (embedding.kind === 'features') {
    const vectors = await itemFeatures(items, model, options);
    return vectors.map((vector) => ({ vector }));
  }
  const { target = '', steps, samples, guidance_scale } = embedding;
  const settings = { steps, samples, guidance_scale };
  const seeded = items.map((item) => ({ ...item, seed: 0 }));
  const predicted = await predictEmbeddings(seeded, target, settings, asGenerator(model), options);
  return predicted.map(({ vector, samples: tokens }) => ({ vector, tokens: tokens[0] }));
}

/** A real vector as its tokenizer gives it back: it then lacks what predicted ones lack, as the authors advise. */
async function throughTokenizer(
  numbers: ArrayLike<number>,
  { embedding: { target = '' } }: Description,
  model: InputModel,
  signal: AbortSignal,
): Promise<Float32Array> {
  const inputs = { [target]: { value: Array.from(numbers) } };
  const tokenized = await runTokenize({ inputs }, model, signal);
  const { tokens } = present(tokenized.inputs[target], `the tokens of ${target}`);
  const ids = tokens.map((id) => present(id, `a token of ${target}`));
  const entry = embeddingTarget(target, model.description);
  const modality = present(targetModality(entry, target), `the tokens of ${target}`);
  return itemAt(await decodeVectors([ids], modality, model.loaded, signal), 0, 'vectors');
}

/**
 * A vector for each source; those of inputs are made together.
 * @throws FailureError `invalid_vector`, `invalid_request` where the collection takes no inputs, `model_not_loaded`;
 *   as `predictEmbeddings` and `itemFeatures`
 */
export async function vectorsOf(
  sources: readonly PlacedSource[],
  description: Description,
  context: Vectorising,
): Promise<Vectorised[]> {
  const { embedding, dimensions, name } = description;
  const ready = sources.map(({ source: { vector }, path }) => {
    const at = [...path, 'vector'];
    if (!vector) return undefined;
    const numbers = numbersOf(vector, dimensions, at);
    // Checked before a model is asked for.
    return { numbers, unit: unit(numbers, at), at };
  });
  const items = sources.flatMap(({ source: { inputs }, path }) =>
    inputs ? [{ inputs, at: pointerTo(...path) }] : [],
  );
  if (embedding.kind === 'vector') {
    const [first] = items;
    if (!first) return ready.map((own) => ({ vector: present(own, 'a ready vector').unit }));
    const detail = `the collection ${name} takes ready vectors alone, since it has no model`;
    throw refusal('invalid_request', detail, `${first.at}${pointerTo('inputs')}`);
  }
  const isTokenized = embedding.ready_vectors === 'tokenized';
  if (items.length === 0 && !isTokenized)
    return ready.map((own) => ({ vector: present(own, 'a ready vector').unit }));
  return await context.lender.use(modelOf(description, context.lender), async (model) => {
    const vectors = items.length > 0 ? await made(items, description, model, context) : [];
    let next = 0;
    const all: Vectorised[] = [];
    for (const [index, own] of ready.entries()) {
      if (!own) {
        const { vector, tokens } = itemAt(vectors, next++, 'vectors');
        all.push({ vector: unit(vector, sources[index]?.path ?? []), tokens });
      } else if (isTokenized) {
        const given = await throughTokenizer(own.numbers, description, model, context.signal).catch(
          (error: unknown) => {
            throw failureAt(error, pointerTo(...own.at));
          },
        );
        all.push({ vector: unit(given, own.at) });
      } else all.push({ vector: own.unit });
    }
    return all;
  });
}
