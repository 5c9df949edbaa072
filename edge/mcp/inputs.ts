/** Inputs as agents give them -> inputs of the API, and what a tool says that it takes. */
import type { Modality, Model } from '../../shared/api/models.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Presentation } from '../../shared/model/presentations.ts';
import { findModality } from '../../shared/plan/names.ts';
import type { JsonSchema } from './tool.ts';

export const PICTURE: JsonSchema = {
  type: 'string',
  description:
    'A PNG, JPEG or WebP picture: an https address, the ref of an earlier result (sha256:...), the id of an upload, a ' +
    'data URL, or base64',
};

const FORMS = ['text', 'data', 'value', 'tokens', 'ref', 'upload', 'url'];

/** Presentation -> values of it, and what they look like. */
const VALUES: Partial<Record<Presentation, JsonSchema>> = {
  boxes: {
    type: 'array',
    items: { type: 'object' },
    description:
      'boxes in shares of the picture, such as [{"class": "cone", "xmin": 0.1, "ymin": 0.3, "xmax": 0.4, "ymax": 0.8}]',
  },
  palette: {
    type: 'array',
    items: { type: 'string' },
    description: 'colours, such as ["#b29e18", "#20a2ae"]',
  },
  metadata: {
    type: 'object',
    description: 'numbers by their names, such as {"brightness": 138, "contrast": 38}',
  },
  vector: { type: 'array', items: { type: 'number' }, description: 'the numbers of a vector' },
};
const ANY_VALUE: JsonSchema = {
  type: 'array',
  description: 'JSON in the form in which the tool perceive answers it',
};

const REFERENCE: JsonSchema = {
  type: 'string',
  description: 'the ref of an earlier result (sha256:...)',
};

function schemaOf({ name, accepts, presentation }: Modality): JsonSchema {
  if (accepts.includes('image'))
    return { ...PICTURE, description: `${name}: ${PICTURE.description}` };
  if (presentation === 'text') return { type: 'string', description: `${name}: text` };
  if (accepts.includes('value')) {
    const value = VALUES[presentation] ?? ANY_VALUE;
    const description = `${name}: ${value.description}; or the ref of an earlier result`;
    return { anyOf: [value, REFERENCE], description };
  }
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

const REF = /^sha256:[0-9a-f]{64}$/;
/** Neither base64 nor its name has a point. */
const FILE_NAME = /^file:|\.\w{2,5}$/;

/**
 * A value in one of the forms that the API has; what fits none is left for the route to refuse.
 * @throws FailureError `invalid_input` for the name of a file, which agents like to give
 */
export function inputOf(given: unknown, entry: Modality | undefined): unknown {
  if (typeof given === 'string') {
    if (REF.test(given)) return { ref: given };
    if (entry?.type === 'seq') return given;
    if (/^https?:\/\//i.test(given)) return { url: given };
    if (given.startsWith('upload_')) return { upload: given };
    if (FILE_NAME.test(given)) {
      const detail =
        `${shorten(given)} is a file of another machine: give its bytes in base64, an https address, the ref of an ` +
        'earlier result, or the id of an upload';
      throw refusal('invalid_input', detail);
    }
    // The name of a long text stands for a data URL or base64 as well.
    return { data: given };
  }
  const isForm =
    typeof given === 'object' && given !== null && FORMS.some((form) => Object.hasOwn(given, form));
  return isForm ? given : { value: given };
}

/**
 * @param models of each modality the first that has it says what it is, as in `inputsSchema`
 * @returns what was given itself where it is no object, for the route to refuse
 */
export function inputsOf(given: unknown, models: readonly Model[]): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const entries = Object.entries(given).map(([name, value]) => [
    name,
    inputOf(value, models.map((model) => findModality(model, name)).find(Boolean)),
  ]);
  return Object.fromEntries(entries);
}
