/** Detections: a list of boxes with their classes. */
import { formatBoxes, parseBoxes } from '../text/boxes.ts';
import { special } from '../text/words.ts';
import { boxesSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import type { TextPresentation } from './presentation.ts';

export const boxes: TextPresentation = {
  async write(value, { info, at }) {
    return [formatBoxes(checked(boxesSchema, value, at), info.coord_bins)];
  },
  form: {
    said: 'v0=XMIN v1=YMIN v2=XMAX v3=YMAX NAME for each box',
    begins: (word) => special(word)?.kind === 0,
    hasWord: (word, { coord_bins: bins }) => {
      const corner = special(word);
      return corner ? corner.value < bins : !/[=[\]{}"]/.test(word);
    },
    fits: (text, { coord_bins: bins }) => parseBoxes(text, bins).warnings.length === 0,
  },
  async show(text, { info }) {
    const { value, warnings } = parseBoxes(text, info.coord_bins);
    return { value, warnings: [...warnings] };
  },
};
