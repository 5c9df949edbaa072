/** What the model knows, in its own words, and what to do with other pictures. */
import type { Model } from '../../shared/api/models.ts';
import { element } from './dom.ts';

/** Undefined where the checkpoint does not say. */
export function knowledge({ knows }: Model): HTMLElement | undefined {
  if (!knows) return undefined;
  const { world, words, picture_size: size } = knows;
  const sized = size === undefined ? '' : ` Of a picture it sees ${size} x ${size} pixels.`;
  return element(
    'details',
    { class: 'knows' },
    element('summary', {}, element('span', { class: 'hint' }, `Knows ${world}`)),
    element('p', { class: 'hint' }, `Anything else is answered as if it were that.${sized}`),
    words && element('p', { class: 'hint' }, `Its words: ${words.join(', ')}.`),
    element(
      'p',
      { class: 'hint' },
      'Photographs need another checkpoint, such as 4M-21: ',
      element('code', {}, 'npm run models:pull -- --all-4m21-b'),
      ' and ',
      element('code', {}, 'npm run export'),
      '. Then this page has a choice of models.',
    ),
  );
}
