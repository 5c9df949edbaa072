/** A glance at the results from above the form, for narrow screens, where they lie below it. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { byId, element } from './dom.ts';

const MOST_PICTURES = 4;

/** Fills the link to the results; it goes there without touching the page's address. */
export function createPeek(results: HTMLElement): (outputs: GenerateResponse['outputs']) => void {
  const link = byId('peek', HTMLAnchorElement);
  link.addEventListener('click', (event) => {
    event.preventDefault();
    results.scrollIntoView({ block: 'start' });
    results.focus({ preventScroll: true });
  });
  return (outputs) => {
    const made = Object.values(outputs);
    const pictures = made.flatMap(([first]) => first?.image ?? []).slice(0, MOST_PICTURES);
    const count = made.length === 1 ? 'the prediction' : `${made.length} predictions`;
    link.replaceChildren(
      ...pictures.map((url) => element('img', { src: url, alt: '', class: 'pixelated' })),
      element('span', {}, `See ${count}`),
    );
  };
}
