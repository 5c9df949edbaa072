/**
 * What can be said of a request from the model's own description alone: names, forms and token ranges.
 * The edge refuses with it before anything is sent; the worker asks again, as it trusts nobody.
 */
import type { GenerateRequest, InputValue, TargetSettings } from './generate.ts';
import type { Modality, Model } from './models.ts';
import type { Failure, Outcome, ProblemCode } from './problem.ts';

export type InputForm = 'image' | 'text' | 'tokens';

const fail = (code: ProblemCode, detail: string, pointer: string): Failure => ({
  code,
  detail,
  errors: [{ detail, pointer }],
});

/** One step of a JSON pointer (RFC 6901). */
const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
export const inputPointer = (name: string): string => `/inputs/${escapePointer(name)}`;
export const targetPointer = (index: number, field?: string): string =>
  field === undefined ? `/targets/${index}` : `/targets/${index}/${field}`;

/** The entry that a public name (`depth`) or one of the model's own names (`tok_depth@224`) means. */
export function findModality(model: Model, name: string): Modality | undefined {
  return (
    model.modalities.find((entry) => entry.name === name) ??
    model.modalities.find((entry) => entry.modalities.includes(name))
  );
}

/** Raw pixels: an image modality that no tokenizer stands behind. */
export const isPixels = (entry: Modality, exactName: string): boolean =>
  entry.type === 'img' && !exactName.startsWith('tok_');

/** The form in which a value comes; a plain string is text for sequences and a picture otherwise. */
export function inputForm(entry: Modality, value: InputValue): InputForm {
  if (typeof value === 'string') return entry.type === 'img' ? 'image' : 'text';
  if ('tokens' in value) return 'tokens';
  return 'text' in value ? 'text' : 'image';
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
  return form === 'image' ? (pixels ?? tokenized) : tokenized;
}

/** The model's own name that is generated for a target; undefined where there are only pixels. */
export function targetModality(entry: Modality, name: string): string | undefined {
  if (isExact(entry, name)) return isPixels(entry, name) ? undefined : name;
  return entry.modalities.find((exact) => !isPixels(entry, exact));
}

const names = (model: Model, side: 'input' | 'output'): string =>
  model.modalities
    .filter((entry) => entry[side])
    .map((entry) => entry.name)
    .join(', ');

function checkTokens(entry: Modality, tokens: readonly number[], at: string): Failure | undefined {
  const vocabulary = entry.vocabulary ?? 0;
  const index = tokens.findIndex((id) => id >= vocabulary);
  if (index >= 0) {
    const detail = `token ${tokens[index]} is outside the vocabulary of ${entry.name} (0 to ${vocabulary - 1})`;
    return fail('invalid_input', detail, `${at}/tokens/${index}`);
  }
  if (entry.type === 'img' && tokens.length !== entry.tokens) {
    const detail = `${entry.name} has ${entry.tokens} tokens, not ${tokens.length}`;
    return fail('invalid_input', detail, `${at}/tokens`);
  }
  if (tokens.length > entry.tokens) {
    const detail = `${entry.name} takes at most ${entry.tokens} tokens, not ${tokens.length}`;
    return fail('invalid_input', detail, `${at}/tokens`);
  }
  return undefined;
}

function checkInput(model: Model, name: string, value: InputValue): Failure | undefined {
  const at = inputPointer(name);
  const entry = findModality(model, name);
  if (!entry?.input) {
    const detail = `${name} is not an input of ${model.id}; its inputs are ${names(model, 'input')}`;
    return fail('unknown_modality', detail, at);
  }
  const form = inputForm(entry, value);
  const exact = inputModality(entry, name, form);
  const pixelsFromTokens = exact !== undefined && isPixels(entry, exact) && form === 'tokens';
  if (exact === undefined || pixelsFromTokens || !entry.accepts.includes(form)) {
    if (form === 'image' && entry.type === 'img') {
      const detail = `no tokenizer is loaded that turns a picture into ${entry.name}; give its tokens`;
      return fail('no_tokenizer', detail, at);
    }
    const forms = entry.accepts.join(' or ') || 'no form this API carries';
    return fail('invalid_input', `${name} cannot be given as ${form}; it accepts ${forms}`, at);
  }
  return typeof value === 'object' && 'tokens' in value
    ? checkTokens(entry, value.tokens, at)
    : undefined;
}

function checkTarget(model: Model, target: TargetSettings, index: number): Failure | undefined {
  const at = targetPointer(index);
  const entry = findModality(model, target.modality);
  if (!entry) {
    const detail = `${target.modality} is not a target of ${model.id}; its targets are ${names(model, 'output')}`;
    return fail('unknown_target', detail, at);
  }
  if (!entry.output || targetModality(entry, target.modality) === undefined) {
    return fail('input_only', `${target.modality} can be given but not generated`, at);
  }
  const sequence = entry.type === 'seq';
  if (target.scheme !== undefined && (target.scheme === 'autoregressive') !== sequence) {
    const fitting = sequence ? 'autoregressive' : 'maskgit or roar';
    const detail = `${target.modality} is decoded by ${fitting}, not ${target.scheme}`;
    return fail('scheme_mismatch', detail, targetPointer(index, 'scheme'));
  }
  const misplaced = sequence
    ? (['steps', 'token_schedule', 'temperature_schedule'] as const)
    : (['max_tokens'] as const);
  const field = misplaced.find((key) => target[key] !== undefined);
  if (field !== undefined) {
    const detail = `${field} does not apply to ${target.modality}, a ${sequence ? 'sequence' : 'picture-like'} target`;
    return fail('scheme_mismatch', detail, targetPointer(index, field));
  }
  return undefined;
}

function checkOverlap(request: GenerateRequest, model: Model): Failure | undefined {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(request.inputs)) {
    const entry = findModality(model, name)!;
    const exact = inputModality(entry, name, inputForm(entry, value))!;
    const other = given.get(exact);
    if (other !== undefined) {
      return fail('invalid_request', `${name} and ${other} are the same input`, inputPointer(name));
    }
    given.set(exact, name);
  }
  const asked = new Set<string>();
  for (const [index, { modality }] of request.targets.entries()) {
    const exact = targetModality(findModality(model, modality)!, modality)!;
    const at = targetPointer(index);
    if (asked.has(exact)) return fail('invalid_request', `${modality} is asked for twice`, at);
    if (given.has(exact)) {
      return fail('invalid_request', `${modality} is given as an input already`, at);
    }
    asked.add(exact);
  }
  return undefined;
}

/**
 * The first thing that is wrong with a request for this model, or undefined when it fits. Pictures and
 * text are looked into by the worker alone.
 */
export function checkGenerate(request: GenerateRequest, model: Model): Failure | undefined {
  for (const [name, value] of Object.entries(request.inputs)) {
    const failure = checkInput(model, name, value);
    if (failure) return failure;
  }
  for (const [index, target] of request.targets.entries()) {
    const failure = checkTarget(model, target, index);
    if (failure) return failure;
  }
  return checkOverlap(request, model);
}

/** The model a request names, or the first loaded one when it names none. */
export function selectModel(name: string | undefined, models: readonly Model[]): Outcome<Model> {
  const model = name === undefined ? models[0] : models.find((loaded) => loaded.id === name);
  if (model) return { ok: true, value: model };
  const loaded = models.map(({ id }) => id).join(', ') || 'none';
  const detail =
    name === undefined ? 'no model is loaded' : `${name} is not loaded; loaded: ${loaded}`;
  return { ok: false, failure: fail('model_not_loaded', detail, '/model') };
}
