/** Photographs. */

import { png8 } from '../image/png.ts';
import { interleaved } from '../image/postprocess.ts';
import { photographFeed } from './photographs.ts';
import type { GridPresentation } from './presentation.ts';

export const rgb: GridPresentation = {
  fromPicture: photographFeed,
  async show(values) {
    return { image: await png8(interleaved(values), values.width, values.height, 3) };
  },
};
