/** Metadata: a record of numbers about a picture. */
import { formatMetadata, METADATA_FIELDS, parseMetadata } from '../text/metadata.ts';
import { special } from '../text/words.ts';
import { metadataSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import type { TextPresentation } from './presentation.ts';

export const metadata: TextPresentation = {
  async write(value, { at }) {
    return [formatMetadata(checked(metadataSchema, value, at))];
  },
  form: {
    said: `v1=KIND v0=VALUE for each field, with kinds from 0 to ${METADATA_FIELDS.length - 1}`,
    begins: (word) => special(word)?.kind === 1,
    hasWord: (word) => [0, 1].includes(special(word)?.kind ?? -1),
    fits: (text) => parseMetadata(text).warnings.length === 0,
  },
  async show(text) {
    const { value, warnings } = parseMetadata(text);
    return { value, warnings: [...warnings] };
  },
};
