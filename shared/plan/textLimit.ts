/** How long a text or a JSON value may be, so that it is refused before any of it is tokenized. */
import type { InputValue } from '../api/generate.ts';
import type { Modality } from '../api/models.ts';
import { pointerBelow } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import { traitsOf } from '../model/presentations.ts';

/** What the limit depends on. */
type Limited = Pick<Modality, 'presentation' | 'tokens'>;

/** Texts that one input of plain text may have at most. */
export const MOST_TEXTS = 16;

/** Characters of a text at most: the tokens of its modality could not need more. */
export const textLimit = ({ presentation, tokens }: Limited): number =>
  tokens * traitsOf(presentation).charactersPerToken;

/** Characters of a JSON value at most, as compact JSON; plain text may come as a list of texts. */
const valueLimit = (modality: Limited): number => {
  const { kind, isStructured } = traitsOf(modality.presentation);
  return textLimit(modality) * (kind === 'text' && !isStructured ? MOST_TEXTS : 1);
};

/**
 * Whether a JSON value is at most so long when it is written without spaces. Counts no further than the
 * limit, so that the time does not grow with the value.
 */
export function fitsCharacters(value: unknown, limit: number): boolean {
  let left = limit;
  const visit = (part: unknown): boolean => {
    if (typeof part === 'string') left -= part.length + 2;
    else if (typeof part !== 'object' || part === null) left -= String(part).length;
    else if (Array.isArray(part)) {
      left -= part.length + 2;
      return left >= 0 && part.every(visit);
    } else {
      left -= 2;
      for (const key in part) {
        left -= key.length + 4;
        if (left < 0 || !visit(part[key as keyof typeof part])) return false;
      }
    }
    return left >= 0;
  };
  return visit(value);
}

/**
 * Refuses a text or a JSON value that is longer than its modality could need.
 * @param at pointer of the input
 * @throws FailureError `invalid_input` naming the limit
 */
export function checkTextLength(
  value: InputValue,
  modality: Limited & Pick<Modality, 'name' | 'type'>,
  at: string,
): void {
  const refuse = (what: string, limit: number, pointer: string): never => {
    const detail = `the ${what} of ${modality.name} has more than ${limit} characters`;
    throw refusal('invalid_input', detail, pointer);
  };
  const limit = textLimit(modality);
  // A plain string is a text for sequences alone, and a file for everything else.
  if (typeof value === 'string') {
    if (modality.type === 'seq' && value.length > limit) refuse('text', limit, at);
  } else if ('text' in value) {
    if (value.text.length > limit) refuse('text', limit, pointerBelow(at, 'text'));
  } else if ('value' in value) {
    const most = valueLimit(modality);
    if (!fitsCharacters(value.value, most)) refuse('value', most, pointerBelow(at, 'value'));
  }
}
