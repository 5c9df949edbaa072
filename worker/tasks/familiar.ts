/** Whether a picture is of the kind that the model was trained on. */
import type { Picture } from '../image/inspect.ts';
import { laneOf, type Reading } from './reading.ts';
import { roundTripError } from './roundTrip.ts';
import type { InputModel } from './servedModel.ts';

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
  const { signal } = reading;
  const lane = laneOf(picture.width * picture.height);
  const error = await roundTripError(picture, tokenized, model.loaded, at, { signal, lane });
  if (error === undefined || error <= bound) return;
  const { id, knows } = model.description;
  const world = knows ? `, which knows ${knows.world}` : '';
  const detail =
    `the picture is unlike what ${id} was trained on${world}: its tokenizer draws it again with a mean ` +
    `error of ${error.toFixed(1)} levels of 255, and pictures of that kind with at most ${bound}`;
  reading.warn({ code: 'unfamiliar_input', detail, pointer: at });
}
