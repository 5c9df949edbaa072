/**
 * What the names and forms in a request mean for a model, from its own description. `shared/plan.ts`
 * checks whole requests with it.
 */
import type { Hidden, InputValue } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import { traitsOf } from '../model/presentations.ts';

/** A picture, words, raw ids, JSON, or a file of numbers (.npy, .safetensors). */
export type InputForm = Modality['accepts'][number];

/**
 * The entry that a public name (`depth`), one with a size (`rgb@448`), or one of the model's own names
 * (`tok_depth@224`) means.
 */
export function findModality(model: Model, name: string): Modality | undefined {
  return (
    model.modalities.find((entry) => entry.name === name) ??
    model.modalities.find((entry) => entry.modalities.includes(name)) ??
    model.modalities.find(
      (entry) => `${entry.name.replace(/@\d+$/, '')}@${entry.input_size}` === name,
    )
  );
}

/** Raw pixels: an image modality that no tokenizer stands behind. */
export const isPixels = (entry: Modality, exactName: string): boolean =>
  entry.type === 'img' && !exactName.startsWith('tok_');

/** Arrays of numbers that no picture can stand for. */
const isArray = (entry: Modality): boolean =>
  entry.type === 'seq_emb' || traitsOf(entry.presentation).kind === 'array';

/**
 * The form in which a value comes; a plain string is text for sequences, and otherwise a data URL. What
 * a `ref` names are tokens.
 */
export function inputForm(entry: Modality, value: InputValue): InputForm {
  if (typeof value === 'string') {
    if (entry.type === 'seq') return 'text';
    return isArray(entry) ? 'file' : 'image';
  }
  if ('tokens' in value || 'ref' in value) return 'tokens';
  if ('value' in value) return 'value';
  if ('text' in value) return 'text';
  return isArray(entry) ? 'file' : 'image';
}

/** What is hidden of a picture; nothing when the value does not say. */
export function hiddenParts(value: InputValue): readonly Hidden[] {
  if (typeof value === 'string' || !('hide' in value) || value.hide === undefined) return [];
  return Array.isArray(value.hide) ? value.hide : [value.hide];
}

/**
 * True when the caller used one of the model's own names. A second size has a public name such as
 * `rgb@448`, which its pixels have as their own: it then counts as public.
 */
const isExact = (entry: Modality, name: string): boolean =>
  name !== entry.name && entry.modalities.includes(name);

/** The model's own name that an input of this form feeds: pixels for pictures where there are any. */
export function inputModality(entry: Modality, name: string, form: InputForm): string | undefined {
  if (isExact(entry, name)) return name;
  const pixels = entry.modalities.find((exact) => isPixels(entry, exact));
  const tokenized = entry.modalities.find((exact) => !isPixels(entry, exact));
  if (entry.type === 'seq_emb') return entry.modalities[0];
  return form === 'image' ? (pixels ?? tokenized) : tokenized;
}

/** The model's own name that is generated for a target; undefined where there are only pixels. */
export function targetModality(entry: Modality, name: string): string | undefined {
  if (isExact(entry, name)) return isPixels(entry, name) ? undefined : name;
  return entry.modalities.find((exact) => !isPixels(entry, exact));
}

/** Public names of a side, for messages. */
export const namesOf = (model: Model, side: 'input' | 'output'): string =>
  model.modalities
    .filter((entry) => entry[side])
    .map((entry) => entry.name)
    .join(', ');

/**
 * The model a request names, or the first loaded one when it names none.
 * @throws FailureError `model_not_loaded`
 */
export function selectModel(name: string | undefined, models: readonly Model[]): Model {
  const model = name === undefined ? models[0] : models.find((loaded) => loaded.id === name);
  if (model) return model;
  const loaded = models.map(({ id }) => id).join(', ') || 'none';
  const detail =
    name === undefined ? 'no model is loaded' : `${name} is not loaded; loaded: ${loaded}`;
  throw refusal('model_not_loaded', detail, pointerTo('model'));
}
