/** Conditional requests: `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2). */

const TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/** Opaque tags of the header, without the mark of weak ones: `If-None-Match` compares weakly. */
const tagsOf = (header: string): string[] =>
  Array.from(header.matchAll(TAG), ([, tag]) => tag ?? '');

/** Whether the caller has what the etag names; `*` is any representation that is there. */
export function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || tagsOf(header).includes(etag.replace(/^W\//, ''));
}
