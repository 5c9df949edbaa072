/** The card of a target: a bar and a picture of what is there so far, then what it came to. */
import type { Output, Progress } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { button, element } from './dom.ts';
import type { Picture } from './given.ts';
import { titleOf } from './labels.ts';
import { outputView, pictureView } from './views.ts';

export interface Card {
  readonly node: HTMLElement;
  readonly names: readonly string[];
  isFilled(): boolean;
  progress(progress: Progress): void;
  fill(outputs: readonly Output[], given: Picture | undefined): void;
  /** Says that nothing came. */
  leaveEmpty(): void;
}

export interface CardOptions {
  /** Called when an output shall be an input; undefined where the model does not take it. */
  readonly onUse: ((output: Output) => void) | undefined;
  /** Whether the model made it on the way to what was asked for. */
  readonly isVia: boolean;
}

const extensionOf = (url: string): string =>
  url.startsWith('data:image/') ? (/^data:image\/(\w+)/.exec(url)?.[1] ?? 'png') : 'npy';

/** Download link; the name says target and sample. */
function download(url: string, name: string, label: string): HTMLAnchorElement {
  return element('a', { href: url, download: `${name}.${extensionOf(url)}` }, label);
}

function foot(output: Output, target: string, { onUse }: CardOptions): HTMLElement {
  const title = titleOf(target).toLowerCase();
  const place = output.sample > 0 ? ` ${output.sample + 1}` : '';
  const name = output.sample > 0 ? `${target}-${output.sample + 1}` : target;
  const links = element('p', { class: 'links' });
  if (onUse) {
    const use = button('Use as input', () => onUse(output), 'quiet');
    use.setAttribute('aria-label', `Use as input: ${title}${place}`);
    links.append(use);
  }
  if (output.image) links.append(download(output.image, name, 'Save picture'));
  if (output.data) links.append(download(output.data, `${name}-values`, 'Save exact values'));
  const tokens = element(
    'details',
    {},
    element('summary', {}, `${output.tokens.length} tokens of `, element('code', {}, target)),
    output.ref !== undefined && element('p', { class: 'raw' }, output.ref),
    output.text !== undefined && element('p', { class: 'raw' }, output.text),
    element(
      'p',
      { class: 'raw', tabindex: 0, role: 'group', 'aria-label': 'Token ids' },
      output.tokens.join(' '),
    ),
  );
  const warnings = (output.warnings ?? []).map((warning) =>
    element('p', { class: 'warning' }, warning),
  );
  return element('div', { class: 'card-foot' }, ...warnings, links, tokens);
}

export function createCard(modality: Modality, options: CardOptions): Card {
  const { name } = modality;
  const title = titleOf(name);
  const bar = element('progress', { max: 1, value: 0, 'aria-label': `Progress of ${title}` });
  const note = element('p', { class: 'hint' }, 'waiting');
  const preview = element('div', { class: 'preview' });
  const body = element('div', { class: 'card-body pending' }, preview, bar, note);
  const heading = element(
    'h3',
    {},
    title,
    options.isVia && element('span', { class: 'hint' }, 'on the way'),
  );
  const { hasPlaces, kind: of } = traitsOf(modality.presentation);
  // A row for itself, on narrow screens or on all: a vector has many bars.
  const width = hasPlaces ? '' : of === 'array' ? ' whole' : ' wide';
  const kind = `card${width}`;
  const node = element('article', { class: kind, 'data-target': name }, heading, body);
  const isFilled = (): boolean => !body.classList.contains('pending');
  return {
    node,
    names: [name, ...modality.modalities],
    isFilled,
    progress({ step, steps, preview: picture }) {
      if (isFilled()) return;
      bar.value = steps > 0 ? step / steps : 0;
      note.textContent = step >= steps ? 'decoding' : `step ${step} of ${steps}`;
      if (picture !== undefined) preview.replaceChildren(pictureView(picture, `${title} so far`));
    },
    fill(outputs, given) {
      body.classList.remove('pending');
      node.classList.toggle('many', outputs.length > 1);
      const samples = outputs.map((output) =>
        element(
          'div',
          { class: 'sample' },
          ...outputView(output, title, given),
          foot(output, name, options),
        ),
      );
      body.replaceChildren(...samples);
    },
    leaveEmpty() {
      body.classList.remove('pending');
      body.replaceChildren(element('p', { class: 'hint' }, 'No prediction came back.'));
    },
  };
}
