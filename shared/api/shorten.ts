/** Texts from a caller as they are repeated to him: a name of a megabyte must not make an answer of one. */

/** Characters of a name in a message; every name that the API takes is as short. */
export const NAME_LENGTH = 64;

/** The text, or its beginning and an ellipsis. */
export const shorten = (text: string, length = NAME_LENGTH): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;
