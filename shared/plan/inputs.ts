/** Inputs of a request against a model's description: what each one feeds, and how many tokens it gives. */

import type { Hidden, InputValue } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { pointerBelow, pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import { present } from '../lookup.ts';
import {
  findModality,
  hiddenParts,
  type InputForm,
  inputForm,
  inputModality,
  isPixels,
  namesOf,
} from './names.ts';
import { checkTextLength } from './textLimit.ts';
import { checkTokens, rangeOf } from './tokenRange.ts';

export interface PlannedInput {
  /** As in the request. */
  readonly name: string;
  readonly entry: Modality;
  /** The model's own name that it feeds. */
  readonly modality: string;
  readonly form: InputForm;
  /** Tokens that the encoder sees; a bound known beforehand, see `pricedTokens`. */
  readonly visible: number;
  /** Tokens of a grid that are not given. */
  readonly open: number;
  /** Leaves something to be generated: a partial grid, or a text with gaps. */
  readonly partial: boolean;
  /** False when only the worker knows `visible` and `open`: they are then what they are at most. */
  readonly exact: boolean;
}

/** The gaps that a text leaves open. */
const GAP = /\[S_\d{1,3}\]/;

/**
 * Tokens as which a text or a JSON value is priced: one for four bytes, and its end. Only the worker
 * knows a text's real tokens, which are rarely more.
 */
export function pricedTokens(text: string, bound: number): number {
  const bytes = new TextEncoder().encode(text).length;
  return Math.min(bound, Math.ceil(bytes / 4) + 1);
}

/** Indices, row-major, of the tokens of a square grid that any of the boxes touches. */
export function tokensInBoxes(hidden: readonly Hidden[], tokens: number): Set<number> {
  const side = Math.round(Math.sqrt(tokens));
  const touched = new Set<number>();
  for (const part of hidden) {
    if (!('box' in part)) continue;
    const [xmin, ymin, xmax, ymax] = part.box;
    for (let y = Math.floor(ymin * side); y < Math.ceil(ymax * side); y++) {
      for (let x = Math.floor(xmin * side); x < Math.ceil(xmax * side); x++) {
        touched.add(y * side + x);
      }
    }
  }
  return touched;
}

function checkForm(
  { name, entry, form, exact }: { name: string; entry: Modality; form: InputForm; exact?: string },
  model: Model,
): void {
  const at = pointerTo('inputs', name);
  const pixelsFromTokens = exact !== undefined && isPixels(entry, exact) && form === 'tokens';
  // Whatever text says can be said as JSON, too.
  const accepted =
    entry.accepts.includes(form) || (form === 'value' && entry.accepts.includes('text'));
  if (exact !== undefined && !pixelsFromTokens && accepted) return;
  if ((form === 'image' || form === 'file') && entry.type === 'img') {
    const loaded = model.tokenizers?.join(', ') ?? '';
    const detail =
      `no tokenizer is loaded that turns a picture into ${entry.name}; give its tokens` +
      (loaded === '' ? '' : ` (loaded tokenizers: ${loaded})`);
    throw refusal('no_tokenizer', detail, at);
  }
  const forms = entry.accepts.join(' or ') || 'no form this API carries';
  throw refusal('invalid_input', `${name} cannot be given as ${form}; it accepts ${forms}`, at);
}

/** Text of a value that is priced by its length. */
function textOf(value: InputValue): string {
  if (typeof value === 'string') return value;
  if ('text' in value) return value.text;
  return 'value' in value ? (JSON.stringify(value.value) ?? '') : '';
}

/**
 * What an input gives of a grid. Nulls are counted, and boxes over tokens; what a mask or a box hides of
 * a picture is the worker's to find out, which knows the picture's shape.
 */
function countGrid(
  entry: Modality,
  modality: string,
  value: InputValue,
): Pick<PlannedInput, 'visible' | 'open' | 'partial' | 'exact'> {
  const hidden = hiddenParts(value);
  const tokens = typeof value === 'object' && 'tokens' in value ? value.tokens : undefined;
  const count = isPixels(entry, modality) ? (entry.patches ?? entry.tokens) : entry.tokens;
  if (hidden.some((part) => 'mask' in part) || (hidden.length > 0 && !tokens)) {
    return { visible: count, open: count, partial: true, exact: false };
  }
  const absent = tokensInBoxes(hidden, count);
  for (const [index, id] of tokens?.entries() ?? []) if (id === null) absent.add(index);
  const open = absent.size;
  return { visible: count - open, open, partial: open > 0, exact: true };
}

/** Tokens of a sequence that the encoder sees: one sentinel stands for each run of unknown ones. */
const visibleTokens = (tokens: readonly (number | null)[]): number =>
  tokens.filter((id, i) => id !== null || tokens[i - 1] !== null).length;

/**
 * References are tokens by then: whoever has the store puts these in their place first.
 * @param isTarget whether the same modality is also to be generated, which makes of a partly hidden
 *   picture the tokens that are to be completed
 * @throws FailureError for a name, form or token that does not fit
 */
export function planInput(
  model: Model,
  name: string,
  value: InputValue,
  isTarget: (entry: Modality) => boolean,
): PlannedInput {
  const at = pointerTo('inputs', name);
  const entry = findModality(model, name);
  if (!entry?.input) {
    const detail = `${name} is not an input of ${model.id}; its inputs are ${namesOf(model, 'input')}`;
    throw refusal('unknown_modality', detail, at);
  }
  if (typeof value === 'object' && 'ref' in value) {
    throw refusal('unknown_ref', `${value.ref} is not kept here`, `${at}/ref`);
  }
  const form = inputForm(entry, value);
  const hidden = hiddenParts(value);
  if (hidden.length > 0 && entry.type !== 'img') {
    const detail = `parts of pictures can be hidden; ${entry.name} is none, give it with gaps like [S_1]`;
    throw refusal('invalid_input', detail, `${at}/hide`);
  }
  const completes = hidden.length > 0 && isTarget(entry);
  const direct = inputModality(entry, name, form);
  const exact = completes ? (inputModality(entry, name, 'tokens') ?? direct) : direct;
  checkForm({ name, entry, form, ...(exact !== undefined && { exact }) }, model);
  if (typeof value === 'object' && 'tokens' in value)
    checkTokens(value.tokens, rangeOf(entry), pointerBelow(at, 'tokens'));
  checkTextLength(value, entry, at);
  const base = { name, entry, modality: present(exact, `what ${name} feeds`), form };
  if (entry.type === 'img') return { ...base, ...countGrid(entry, base.modality, value) };
  const text = textOf(value);
  const tokens = typeof value === 'object' && 'tokens' in value ? value.tokens : undefined;
  const isText = form === 'text' || form === 'value';
  const partial = tokens ? tokens.includes(null) : isText && GAP.test(text);
  const priced = entry.type === 'seq' ? pricedTokens(text, entry.tokens) : entry.tokens;
  const visible = tokens ? visibleTokens(tokens) : priced;
  return { ...base, visible, open: partial ? entry.tokens : 0, partial, exact: true };
}
