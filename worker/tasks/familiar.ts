/** Whether a picture is of the kind that the model was trained on. */
import type { Picture } from '../image/inspect.ts';
import type { LoadedInputs } from '../session/types.ts';
import { laneOf, type Reading } from './reading.ts';
import { roundTripError } from './roundTrip.ts';
import type { InputModel } from './servedModel.ts';
import { tokenizerOf } from './tokenizerOf.ts';

/** Pictures of which the error is remembered: people ask for several things of one. */
const MOST_KNOWN = 4096;

/** Errors by the tokenizer's manifest, which lives as long as its model, and by the hash of the picture. */
const knownErrors = new WeakMap<object, Map<string, number>>();

/** As `roundTripError`, which depends on picture and tokenizer alone; it is remembered. */
async function errorOf(
  picture: Picture,
  modality: string,
  loaded: LoadedInputs,
  at: string,
  { signal }: Reading,
): Promise<number | undefined> {
  const manifest = tokenizerOf(modality, loaded)?.manifest;
  if (!manifest) return undefined;
  const known = knownErrors.get(manifest) ?? new Map<string, number>();
  knownErrors.set(manifest, known);
  const { sha256, width, height } = picture;
  const lane = laneOf(width * height);
  const error =
    known.get(sha256) ?? (await roundTripError(picture, modality, loaded, at, { signal, lane }));
  if (error === undefined) return undefined;
  // What was asked for last is forgotten last.
  known.delete(sha256);
  known.set(sha256, error);
  const [oldest] = known.keys();
  if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
  return error;
}

/**
 * Warns of a picture that its own tokenizer cannot draw again: the tokenizer has seen what the model was
 * trained on and nothing else. Says nothing of models whose checkpoint gives no bound.
 * @param modality the model's own name that the picture feeds, pixels or tokens
 */
export async function warnOfUnfamiliar(
  picture: Picture,
  modality: string,
  model: InputModel,
  at: string,
  reading: Reading,
): Promise<void> {
  const { fm } = model.loaded;
  const entry = model.description.modalities.find(({ modalities }) =>
    modalities.includes(modality),
  );
  const tokenized = entry?.modalities.find((name) => fm.modalities[name]?.familiar_error);
  const bound = fm.modalities[tokenized ?? '']?.familiar_error;
  if (tokenized === undefined || bound === undefined) return;
  const error = await errorOf(picture, tokenized, model.loaded, at, reading);
  if (error === undefined || error <= bound) return;
  const { id, knows } = model.description;
  const world = knows ? `, which knows ${knows.world}` : '';
  const detail =
    `the picture is unlike what ${id} was trained on${world}: its tokenizer draws it again with a mean ` +
    `error of ${error.toFixed(1)} levels of 255, and pictures of that kind with at most ${bound}`;
  reading.warn({ code: 'unfamiliar_input', detail, pointer: at });
}
