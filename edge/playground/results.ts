/** Result cards: one a target, with a progress bar until its prediction is there. */
import type { GenerateResponse, Output, Progress } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { element } from './dom.ts';
import { titleOf } from './labels.ts';
import type { Picture } from './pictureField.ts';
import { outputView } from './views.ts';

export interface Results {
  /** Empty cards with progress bars. */
  start(targets: readonly Modality[]): void;
  progress(progress: Progress): void;
  /** Fills the cards. */
  finish(response: GenerateResponse, given: Picture | undefined): void;
  /** Takes away the cards that were never filled. */
  abandon(): void;
}

interface Card {
  readonly node: HTMLElement;
  readonly body: HTMLElement;
  readonly bar: HTMLProgressElement;
  readonly note: HTMLElement;
  readonly names: readonly string[];
}

const extensionOf = (url: string): string =>
  url.startsWith('data:image/') ? (/^data:image\/(\w+)/.exec(url)?.[1] ?? 'png') : 'npy';

/** Download link; the name says target and sample. */
function download(url: string, name: string, label: string): HTMLAnchorElement {
  return element('a', { href: url, download: `${name}.${extensionOf(url)}` }, label);
}

function details(output: Output, target: string): HTMLElement {
  const name = output.sample > 0 ? `${target}-${output.sample + 1}` : target;
  const links = element('p', { class: 'links' });
  if (output.image) links.append(download(output.image, name, 'Save picture'));
  if (output.data) links.append(download(output.data, `${name}-values`, 'Save exact values'));
  const tokens = element(
    'details',
    {},
    element('summary', {}, `${output.tokens.length} tokens`),
    output.text !== undefined && element('p', { class: 'raw' }, output.text),
    element('p', { class: 'raw' }, output.tokens.join(' ')),
  );
  const warnings = (output.warnings ?? []).map((warning) =>
    element('p', { class: 'warning' }, warning),
  );
  return element('div', { class: 'card-foot' }, ...warnings, links, tokens);
}

/** Keeps the cards inside `parent`. */
export function createResults(parent: HTMLElement): Results {
  let cards = new Map<string, Card>();

  const createCard = (modality: Modality): Card => {
    const title = titleOf(modality.name);
    const bar = element('progress', { max: 1, value: 0, 'aria-label': `Progress of ${title}` });
    const note = element('p', { class: 'hint' }, 'waiting');
    const body = element('div', { class: 'card-body pending' }, bar, note);
    const heading = element('h3', {}, title, element('code', {}, modality.name));
    const node = element('article', { class: 'card', 'data-target': modality.name }, heading, body);
    return { node, body, bar, note, names: [modality.name, ...modality.modalities] };
  };

  return {
    start(targets) {
      // Tall cards first, so that the rows of the grid stay even.
      const tall = ({ presentation }: Modality): boolean =>
        presentation === 'boxes' || traitsOf(presentation).hasPlaces;
      const ordered = [...targets.filter(tall), ...targets.filter((target) => !tall(target))];
      cards = new Map(ordered.map((target) => [target.name, createCard(target)]));
      parent.replaceChildren(...[...cards.values()].map(({ node }) => node));
    },
    progress({ target, step, steps }) {
      const card = [...cards.values()].find(({ names }) => names.includes(target));
      if (!card) return;
      card.bar.value = steps > 0 ? step / steps : 0;
      card.note.textContent =
        step >= steps ? 'done, waiting for the others' : `step ${step} of ${steps}`;
    },
    finish(response, given) {
      for (const [target, card] of cards) {
        const outputs = response.outputs[target];
        const shown = (outputs ?? []).map((output) =>
          element(
            'div',
            { class: 'sample' },
            ...outputView(output, titleOf(target), given),
            details(output, target),
          ),
        );
        card.body.classList.remove('pending');
        card.body.replaceChildren(
          ...(shown.length > 0
            ? shown
            : [element('p', { class: 'hint' }, 'No prediction came back.')]),
        );
      }
    },
    abandon() {
      for (const [target, card] of cards) {
        if (card.body.classList.contains('pending')) {
          card.node.remove();
          cards.delete(target);
        }
      }
    },
  };
}
