/** Colour palettes: a list of colours. */
import { formatPalette, parsePalette } from '../text/palette.ts';
import { special } from '../text/words.ts';
import { paletteSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import type { TextPresentation } from './presentation.ts';

export const palette: TextPresentation = {
  async write(value, { info, at }) {
    return [formatPalette(checked(paletteSchema, value, at), info.coord_bins)];
  },
  form: {
    said: 'v1=COUNT, then v0=RED v0=GREEN v0=BLUE for each colour',
    begins: (word) => special(word)?.kind === 1,
    hasWord: (word, { coord_bins: bins }) => (special(word)?.value ?? bins) < bins,
    fits: (text, { coord_bins: bins }) => parsePalette(text, bins).warnings.length === 0,
  },
  async show(text, { info }) {
    const { value, warnings } = parsePalette(text, info.coord_bins);
    return { value, warnings: [...warnings] };
  },
};
