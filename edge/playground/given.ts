/** What a visitor gives for one input: a text, or a picture, which may stand for bytes that lie elsewhere. */
import type { InputValue } from '../../shared/api/inputs.ts';
import { hideOf } from './hideBoxes.ts';

/** A value that names or is something else than the bytes of a picture. */
export type NamedValue =
  | { readonly tokens: (number | null)[] }
  | { readonly ref: string }
  | { readonly upload: string }
  | { readonly url: string };

export interface Picture {
  readonly name: string;
  /** Where a command finds it from the repository's root; absent for a visitor's own file. */
  readonly path?: string;
  /** `data:image/...;base64,...`; empty where nothing can be shown. */
  readonly url: string;
  /** What is sent in place of the bytes: of an output its tokens, of an upload its name. */
  readonly value?: NamedValue;
}

export interface GivenPicture {
  readonly picture: Picture;
  /** Positions of patches that are hidden, by rows. */
  readonly hidden: readonly number[];
}

export type Given = { readonly text: string } | GivenPicture;

const REFERENCE = /^sha256:[0-9a-f]{64}$/;
const UPLOAD = /^upload_\w+$/;

/** A reference, an upload or an address, told apart by their forms; undefined for anything else. */
export function namedValue(text: string): NamedValue | undefined {
  if (REFERENCE.test(text)) return { ref: text };
  if (UPLOAD.test(text)) return { upload: text };
  return /^https?:\/\/\S+$/.test(text) ? { url: text } : undefined;
}

/** A picture that is known by its name alone. */
export const namedPicture = (text: string): Picture | undefined => {
  const value = namedValue(text);
  return value && { name: text.length > 40 ? `${text.slice(0, 37)}…` : text, url: '', value };
};

/**
 * The value as the API takes it.
 * @param side patches of the picture's side, on which `hidden` counts
 */
export function inputValueOf(given: Given, takesText: boolean, side: number): InputValue {
  if ('text' in given) return textValue(given.text, takesText);
  const { picture, hidden } = given;
  const hide = hideOf(new Set(hidden), side);
  const value = picture.value;
  if (!hide) return value ?? picture.url;
  return value ? { ...value, hide } : { data: picture.url, hide };
}

function textValue(text: string, takesText: boolean): InputValue {
  if (REFERENCE.test(text)) return { ref: text };
  return takesText ? text : { tokens: text.split(/[\s,]+/).map(Number) };
}
