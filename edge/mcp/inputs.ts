/** Inputs as agents give them -> inputs of the API, and what a tool says that it takes. */
import type { Modality, Model } from '../../shared/api/models.ts';
import { findModality } from '../../shared/plan/names.ts';
import type { JsonSchema } from './tool.ts';

export const PICTURE: JsonSchema = {
  type: 'string',
  description:
    'A PNG, JPEG or WebP picture: base64, a data URL, an https address, or the id of an upload',
};

const FORMS = ['text', 'data', 'value', 'tokens', 'ref', 'upload', 'url'];

function schemaOf({ name, accepts }: Modality): JsonSchema {
  if (accepts.includes('image'))
    return { ...PICTURE, description: `${name}: ${PICTURE.description}` };
  if (accepts.includes('value'))
    return {
      description: `${name}: JSON in the form in which the tool perceive answers it, or text`,
    };
  if (accepts.includes('text')) return { type: 'string', description: `${name}: text` };
  return {
    type: 'object',
    description: `${name}: {"data": base64 of an .npy or .safetensors file}, or {"tokens": [ids]}`,
  };
}

/** What the models take together, of each modality as the first that has it. */
export function inputsSchema(models: readonly Model[]): JsonSchema {
  const entries = models.flatMap(({ modalities }) =>
    modalities
      .filter(({ input }) => input)
      .map((entry): [string, JsonSchema] => [entry.name, schemaOf(entry)]),
  );
  return {
    type: 'object',
    properties: Object.fromEntries(entries.reverse()),
    description: 'Modality -> what is given of it',
  };
}

/** A value in one of the forms that the API has; what fits none is left for the route to refuse. */
export function inputOf(given: unknown, entry: Modality | undefined): unknown {
  if (typeof given === 'string') {
    if (entry?.type === 'seq') return given;
    if (/^https?:\/\//i.test(given)) return { url: given };
    if (given.startsWith('upload_')) return { upload: given };
    // The name of a long text stands for a data URL or base64 as well.
    return { data: given };
  }
  const isForm =
    typeof given === 'object' && given !== null && FORMS.some((form) => Object.hasOwn(given, form));
  return isForm ? given : { value: given };
}

/** @returns what was given itself where it is no object, for the route to refuse */
export function inputsOf(given: unknown, model: Model | undefined): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const entries = Object.entries(given).map(([name, value]) => [
    name,
    inputOf(value, model && findModality(model, name)),
  ]);
  return Object.fromEntries(entries);
}
