/** Labelled pictures of the classify view: a row for each, with its class and, where it helps, words about it. */
import type { FitHeadRequestBody } from '../../shared/api/heads.ts';
import { button, element } from './dom.ts';
import type { Picture } from './pictureField.ts';

type Example = NonNullable<FitHeadRequestBody['examples']>[number];

export interface Examples {
  readonly node: HTMLElement;
  add(pictures: readonly Picture[], label: string): void;
  read(): Example[];
  /** The same for a fit: what it complains of is about these, whatever becomes of the rows meanwhile. */
  ask(): Example[];
  pictures(): Picture[];
  /** What is still missing for a fit; empty when nothing is. */
  missing(): string;
  setError(index: number, message: string): void;
}

interface Row {
  readonly picture: Picture;
  readonly node: HTMLElement;
  readonly error: HTMLElement;
  read(): Example;
}

/** Examples that each class needs: one to learn from and one to be judged by. */
const LEAST = 2;

/**
 * @param takesWords whether the model takes captions as well
 * @param onChange called after every change
 */
export function createExamples(takesWords: boolean, onChange: () => void): Examples {
  const list = element('ul', { class: 'labelled', 'aria-label': 'Labelled pictures' });
  const rows: Row[] = [];
  let asked: readonly Row[] = [];

  function createRow(picture: Picture, label: string): Row {
    const place = rows.length + 1;
    const name = element('input', { type: 'text', value: label, maxlength: 200, list: 'labels' });
    name.setAttribute('aria-label', `Class of picture ${place}`);
    name.placeholder = 'class';
    const words = element('input', { type: 'text', maxlength: 500 });
    words.setAttribute('aria-label', `Caption of picture ${place}`);
    words.placeholder = 'caption, if it matters';
    const error = element('p', { class: 'field-error', role: 'alert' });
    const remove = button('×', () => {
      rows.splice(rows.indexOf(row), 1);
      row.node.remove();
      onChange();
    });
    remove.setAttribute('aria-label', `Remove picture ${place}`);
    for (const field of [name, words]) field.addEventListener('input', onChange);
    const node = element(
      'li',
      {},
      element('img', { src: picture.url, alt: picture.name, class: 'pixelated' }),
      element('div', {}, name, takesWords && words, error),
      remove,
    );
    const row: Row = {
      picture,
      node,
      error,
      read: () => ({
        inputs: {
          rgb: picture.url,
          ...(words.value.trim() !== '' && { caption: words.value.trim() }),
        },
        label: name.value.trim(),
      }),
    };
    return row;
  }

  const read = (): Example[] => rows.map((row) => row.read());

  return {
    node: list,
    read,
    ask() {
      asked = [...rows];
      for (const { error } of asked) error.textContent = '';
      return read();
    },
    pictures: () => rows.map(({ picture }) => picture),
    add(pictures, label) {
      for (const picture of pictures) {
        const row = createRow(picture, label);
        rows.push(row);
        list.append(row.node);
      }
      onChange();
    },
    missing() {
      const counts = new Map<string, number>();
      for (const { label } of read()) counts.set(label, (counts.get(label) ?? 0) + 1);
      if (counts.has('')) return 'Give every picture a class';
      if (counts.size < 2) return 'Add pictures of two classes at least';
      const few = [...counts].find(([, count]) => count < LEAST);
      return few ? `Add a second picture of ${few[0]}` : '';
    },
    setError(index, message) {
      const row = asked[index];
      if (row) row.error.textContent = message;
    },
  };
}
