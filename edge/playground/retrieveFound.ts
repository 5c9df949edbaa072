/** Items as cards: the small picture, how near it is, and what can be done with it. */
import type { Item } from '../../shared/api/collections.ts';
import { button, element } from './dom.ts';

export interface Found {
  readonly node: HTMLElement;
  show(items: readonly (Item & { readonly score?: number })[]): void;
}

interface FoundEvents {
  /** More like an item, or less where the weight is below 0. */
  readonly onLike: (id: string, weight: number) => void;
  readonly onDelete: (id: string) => void;
}

/** Only what can be nothing but a picture: metadata comes from whoever wrote it. */
const isPicture = (value: unknown): value is string =>
  typeof value === 'string' && /^data:image\/(png|jpeg|webp);base64,/.test(value);

export function createFound({ onLike, onDelete }: FoundEvents): Found {
  const node = element('div', { class: 'found' });
  const cardOf = ({ id, metadata, score }: Item & { readonly score?: number }): HTMLElement => {
    const { thumbnail } = metadata;
    const picture = isPicture(thumbnail)
      ? element('img', { src: thumbnail, alt: id, class: 'pixelated' })
      : element('span', { class: 'no-picture hint' }, 'no picture kept');
    const act = (label: string, title: string, onClick: () => void): HTMLElement => {
      const own = button(label, onClick, 'quiet');
      own.setAttribute('aria-label', `${title}: ${id}`);
      own.title = title;
      return own;
    };
    return element(
      'article',
      { class: 'card item', 'data-item': id },
      picture,
      element('strong', { title: id }, id),
      score !== undefined &&
        element(
          'span',
          { class: 'hint' },
          element('meter', { min: -1, max: 1, value: score, 'aria-label': `Score of ${id}` }),
          ` ${score.toFixed(3)}`,
        ),
      element(
        'span',
        { class: 'acts' },
        act('+', 'More like this', () => onLike(id, 1)),
        act('−', 'Less like this', () => onLike(id, -0.5)),
        act('×', 'Delete', () => onDelete(id)),
      ),
    );
  };
  return {
    node,
    show(items) {
      node.replaceChildren(...items.map(cardOf));
    },
  };
}
