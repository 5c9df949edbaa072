/** JSON pointers (RFC 6901): every pointer in an answer is written, extended and read here. */

import { shorten } from './shorten.ts';

/** One step as RFC 6901 section 3 writes it, cut where it is longer than any name that the API takes. */
const escaped = (step: PropertyKey): string =>
  `/${shorten(String(step)).replaceAll('~', '~0').replaceAll('/', '~1')}`;

/** The pointer of a path inside a document: `pointerTo('inputs', 'a/b', 0)` is `/inputs/a~1b/0`. */
export const pointerTo = (...path: readonly PropertyKey[]): string => path.map(escaped).join('');

/** The pointer of what lies below another: `pointerBelow('/inputs/rgb', 'hide')` is `/inputs/rgb/hide`. */
export const pointerBelow = (pointer: string, ...path: readonly PropertyKey[]): string =>
  pointer + pointerTo(...path);

/** The steps of a pointer, with or without the `#` of a fragment; none for the whole document. */
export const pointerSteps = (pointer: string): string[] =>
  pointer
    .replace(/^#/, '')
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
