/** Plain texts: captions. */
import { captionsSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import type { TextPresentation } from './presentation.ts';

export const text: TextPresentation = {
  async write(value, { at }) {
    return checked(captionsSchema, value, at);
  },
  async show() {
    return {};
  },
};
