/** The text tokenizer of a set that has none: such a model takes no texts, so nobody asks it. */
import type { TextTokenizer } from '../text/wordpiece.ts';

function absent(): never {
  throw new Error('the model has no text tokenizer');
}

export const NO_TEXT: TextTokenizer = {
  tokenize: absent,
  encode: absent,
  decode: absent,
  get specials() {
    return absent();
  },
  gaps: 0,
  size: 0,
};
