/**
 * Headers that are lists of names, some with values: `a, b=1, c="x, y"` (RFC 9110, section 5.6). Each character is looked
 * at once: an expression that tries again from every place takes a second for a header of the size that is allowed.
 */

export interface ListElement {
  /** In lower case. */
  readonly name: string;
  /** Without quotes; empty where there is none. */
  readonly value: string;
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/** Pieces between separators that stand outside of quotes. */
export function split(text: string, separator: string): string[] {
  const pieces: string[] = [];
  let [begin, isQuoted] = [0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted && character === '\\') at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      pieces.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return [...pieces, text.slice(begin)];
}

/** Its elements without their parameters; what has no name is left out. */
export const elementsOf = (header: string): ListElement[] =>
  split(header, ',').flatMap((element) => {
    const [plain = ''] = split(element, ';');
    const equals = plain.indexOf('=');
    const name = (equals < 0 ? plain : plain.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : plain.slice(equals + 1).trim();
    const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
    return TOKEN.test(name) ? [{ name, value: isQuoted ? value.slice(1, -1) : value }] : [];
  });
