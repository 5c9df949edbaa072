/** What was sent -> the same as examples write it: files are named in place of their bytes. */
import type { Body } from '../examples/example.ts';
import type { Picture } from './given.ts';

/** The file that a picture came from, for those who have it. */
export const fileOf = ({ path, name }: Picture): { readonly data: string } => ({
  data: `@${path ?? (name || 'picture.png')}`,
});

/** @param pictures those that may be in it */
export function exampleBody(body: object, pictures: readonly Picture[]): Body {
  const files = new Map(pictures.map((picture) => [picture.url, fileOf(picture)]));
  const text = JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'string' && value.startsWith('data:') ? (files.get(value) ?? value) : value,
  );
  return JSON.parse(text) as Body;
}
