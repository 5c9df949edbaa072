/** Keys <-> paths of files. */

/** File names are bound to 255 bytes, key segments to 512. */
const CHUNK = 200;

const CHUNKS = new RegExp(`.{1,${CHUNK}}`, 'g');

/** Outside the key grammar: `+` ends a segment's folder (so `a` and `a/b` coexist), `~` a chunk's. */
export const pathOf = (key: string): string =>
  key
    .split('/')
    .map((segment) => (segment.match(CHUNKS) ?? ['']).join('~/'))
    .join('+/');

export const keyOfPath = (path: string): string => path.replaceAll('~/', '').replaceAll('+/', '/');
