/** The field above the contents: it leaves the operations whose section has every word. */
import { byId } from '../playground/dom.ts';

export function startSearch(): void {
  const field = byId('find', HTMLInputElement);
  const found = byId('found', HTMLElement);
  const sections = [...document.querySelectorAll<HTMLElement>('section.operation')].map(
    (section) => ({
      section,
      entry: document.querySelector<HTMLElement>(`nav li[data-operation="${section.id}"]`),
      text: `${section.id} ${section.querySelector('h3')?.textContent} ${section.querySelector('.said')?.textContent}`.toLowerCase(),
    }),
  );
  const look = (): void => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { section, entry, text } of sections) {
      const fits = words.every((word) => text.includes(word));
      section.hidden = !fits;
      if (entry) entry.hidden = !fits;
      if (fits) count++;
    }
    // A group without an entry that fits is no way to anything.
    for (const group of document.querySelectorAll<HTMLElement>('nav .group, section.tag')) {
      const parts = [...group.querySelectorAll<HTMLElement>('li[data-operation], .operation')];
      group.hidden = parts.length > 0 && parts.every(({ hidden }) => hidden);
    }
    found.textContent = words.length === 0 ? '' : `${count} of ${sections.length} operations`;
  };
  field.addEventListener('input', look);
  if (field.value !== '') look();
}
