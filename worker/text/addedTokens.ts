/** Added tokens of a vocabulary (gaps, `v0=5`, class names), found in a text in one pass from left to right. */

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Counts only where no letter, digit or underscore is next to it. */
  readonly single_word: boolean;
  /** Is looked for in the normalized text, not in the text as it was given. */
  readonly normalized: boolean;
}

/** The text in order: added tokens as ids, what lies between them as text. */
export type Split = (text: string) => Iterable<number | string>;

interface Node {
  readonly next: Map<string, Node>;
  token?: AddedToken;
}

const WORD = /^[\p{L}\p{M}\p{N}_]$/u;

function isWordBefore(text: string, at: number): boolean {
  const low = text.charCodeAt(at - 1);
  const start = low >= 0xdc00 && low <= 0xdfff ? at - 2 : at - 1;
  return WORD.test(String.fromCodePoint(text.codePointAt(Math.max(start, 0)) ?? 0));
}
const isWordAt = (text: string, at: number): boolean =>
  WORD.test(String.fromCodePoint(text.codePointAt(at) ?? 0));

function trieOf(tokens: readonly AddedToken[]): Node {
  const root: Node = { next: new Map() };
  for (const token of tokens) {
    let node = root;
    for (const unit of token.content.split('')) {
      let child = node.next.get(unit);
      if (!child) {
        child = { next: new Map() };
        node.next.set(unit, child);
      }
      node = child;
    }
    node.token = token;
  }
  return root;
}

/** The longest token that begins at a place. */
function tokenAt(root: Node, text: string, at: number): AddedToken | undefined {
  let found: AddedToken | undefined;
  let node = root.next.get(text.charAt(at));
  for (let end = at + 1; node; end++) {
    const { token } = node;
    const fits =
      token &&
      (!token.single_word ||
        ((at === 0 || !isWordBefore(text, at)) && (end >= text.length || !isWordAt(text, end))));
    if (fits) found = token;
    node = end < text.length ? node.next.get(text.charAt(end)) : undefined;
  }
  return found;
}

/**
 * Splits texts at the tokens, the longest first. The time grows with the text and the longest token, not
 * with the number of tokens.
 */
export function splitter(tokens: readonly AddedToken[]): Split {
  const root = trieOf(tokens);
  return function* split(text) {
    let start = 0;
    let at = 0;
    while (at < text.length) {
      const token = tokenAt(root, text, at);
      if (!token) {
        at++;
        continue;
      }
      if (at > start) yield text.slice(start, at);
      yield token.id;
      at += token.content.length;
      start = at;
    }
    if (start < text.length) yield text.slice(start);
  };
}
