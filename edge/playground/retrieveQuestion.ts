/** What is searched for: a text, a picture, a depth map, items that were found, each with its weight. */
import type { Collection } from '../../shared/api/collections.ts';
import type { Model } from '../../shared/api/models.ts';
import type { SearchRequestBody } from '../../shared/api/search.ts';
import { button, element } from './dom.ts';
import { PLACEHOLDERS, titleOf } from './labels.ts';
import { type Picture, pictureField } from './pictureField.ts';
import { afterReading } from './pictureFiles.ts';

export interface Question {
  readonly node: HTMLElement;
  use(collection: Collection | undefined): void;
  /** Adds an item that results should be like, or unlike, and searches. */
  addItem(id: string, weight: number): void;
}

type Part = NonNullable<SearchRequestBody['mix']>[number];

interface Field {
  readonly isText: boolean;
  picture(): Picture | undefined;
  readonly node: HTMLElement;
  read(): Part | undefined;
  clear(): void;
}

function weightField(id: string, title: string): HTMLInputElement {
  return element('input', {
    id: `weight-${id}`,
    type: 'number',
    class: 'weight',
    value: 1,
    min: -10,
    max: 10,
    step: 0.1,
    'aria-label': `Weight of ${title}`,
    title: 'How much it counts; below 0 it pushes away',
  });
}

const weighed = (weight: HTMLInputElement): readonly HTMLElement[] => [
  element('span', { class: 'hint', 'aria-hidden': 'true' }, 'weight'),
  weight,
];

/** A weight of 0 is as good as nothing given. */
const weightOf = (input: HTMLInputElement): number => {
  const weight = Number(input.value);
  return Number.isFinite(weight) ? weight : 1;
};

function textPart(name: string): Field {
  const area = element('textarea', {
    id: `search-${name}`,
    rows: 2,
    spellcheck: 'false',
    placeholder: PLACEHOLDERS.text ?? '',
  });
  const weight = weightField(name, titleOf(name));
  const label = element('label', { for: area.id }, titleOf(name));
  return {
    isText: true,
    picture: () => undefined,
    node: element(
      'div',
      { class: 'field' },
      element('div', { class: 'row' }, label, ...weighed(weight)),
      area,
    ),
    read() {
      const text = area.value.trim();
      return text === '' ? undefined : { inputs: { [name]: text }, weight: weightOf(weight) };
    },
    clear: () => {
      area.value = '';
      weight.value = '1';
    },
  };
}

function picturePart(name: string, examples: readonly Picture[]): Field {
  const title = name === 'rgb' ? 'Picture' : titleOf(name);
  const weight = weightField(name, title);
  const field = pictureField({ id: `search-${name}`, title, examples, onChange: () => {} });
  const row = element('div', { class: 'row' }, ...weighed(weight));
  return {
    isText: false,
    picture: field.picture,
    node: element('div', { class: 'more' }, field.node, row),
    read() {
      const picture = field.picture();
      return picture && { inputs: { [name]: picture.url }, weight: weightOf(weight) };
    },
    clear: () => {
      field.set(undefined);
      weight.value = '1';
    },
  };
}

/** @param onSearch given undefined when nothing is searched for; and the pictures that are searched by */
export function createQuestion(
  model: Model,
  examples: readonly Picture[],
  onSearch: (request: SearchRequestBody | undefined, pictures: readonly Picture[]) => void,
): Question {
  const inputs = model.modalities.filter(({ input }) => input);
  const fields = inputs.flatMap(({ name, presentation, accepts }): Field[] => {
    if (presentation === 'text' && accepts.includes('text')) return [textPart(name)];
    if (presentation === 'rgb') return [picturePart(name, examples)];
    return presentation === 'depth' && accepts.includes('image') ? [picturePart(name, [])] : [];
  });
  const items = new Map<string, number>();
  const chips = element('ul', { class: 'chips', 'aria-label': 'Items' });

  const showItems = (): void => {
    chips.replaceChildren(
      ...[...items].map(([id, weight]) =>
        element(
          'li',
          {},
          `${weight > 0 ? '+' : '−'} ${id}`,
          button('×', () => {
            items.delete(id);
            showItems();
            run();
          }),
        ),
      ),
    );
  };
  const read = (): SearchRequestBody | undefined => {
    const parts: Part[] = [
      ...fields.flatMap((field) => field.read() ?? []),
      ...[...items].map(([item, weight]) => ({ item, weight })),
    ].filter(({ weight }) => weight !== 0);
    const [first, ...others] = parts;
    if (!first) return undefined;
    if (others.length > 0 || first.weight !== 1) return { mix: parts };
    return first.inputs ? { inputs: first.inputs } : { item: first.item ?? '' };
  };
  const run = (): void => {
    onSearch(
      read(),
      fields.flatMap((field) => field.picture() ?? []),
    );
  };

  const submit = element('button', { id: 'search', class: 'primary', type: 'submit' }, 'Search');
  const clear = button('Clear', () => {
    for (const field of fields) field.clear();
    items.clear();
    showItems();
    run();
  });
  const form = element(
    'form',
    { novalidate: true, 'aria-label': 'Search' },
    // Texts first: they are typed, and pictures take room.
    ...fields.filter(({ isText }) => isText).map(({ node }) => node),
    ...fields.filter(({ isText }) => !isText).map(({ node }) => node),
    chips,
    element('div', { class: 'run' }, submit, clear),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    afterReading(run);
  });
  return {
    node: form,
    use(collection) {
      items.clear();
      showItems();
      submit.disabled = collection === undefined;
    },
    addItem(id, weight) {
      items.set(id, weight);
      showItems();
      run();
    },
  };
}
