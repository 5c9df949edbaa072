/** What holds for a request as a whole: samples, seed, whether targets chain, what is kept. */
import { element } from './dom.ts';
import type { FormState } from './formState.ts';

export type RequestSettings = Pick<
  FormState,
  'seed' | 'samples' | 'chained' | 'keep' | 'tokensOnly' | 'webhook'
>;

export interface Settings {
  readonly node: HTMLElement;
  read(): RequestSettings;
  set(settings: RequestSettings): void;
}

function numberField(name: string, label: string, max: number, hint: string) {
  const min = name === 'samples' ? 1 : 0;
  const id = `setting-${name}`;
  const bounds = { min, max, step: 1 };
  const input = element('input', { type: 'number', id, name, placeholder: 'default', ...bounds });
  const node = element(
    'div',
    { class: 'setting' },
    element('label', { for: id }, label),
    input,
    element('span', { class: 'hint' }, hint),
  );
  return { node, input };
}

function tickField(name: string, label: string) {
  const input = element('input', { type: 'checkbox', id: `setting-${name}` });
  return { input, node: element('label', { class: 'tick' }, input, element('span', {}, label)) };
}

/** @param onChange called after every change by the visitor */
export function createSettings(onChange: () => void): Settings {
  const samples = numberField('samples', 'Samples', 16, 'of every target');
  const seed = numberField('seed', 'Seed', 2 ** 32 - 1, 'equal requests, equal results');
  const random = tickField('random', 'A new random seed for every run');
  const chained = tickField('chained', 'Chained: a finished target helps to predict the next');
  const keep = tickField('keep', 'Keep the tokens, which then have a reference');
  const tokensOnly = tickField('tokens', 'Tokens alone: pictures are not decoded');
  const webhook = element('input', {
    ...{ type: 'text', inputmode: 'url', id: 'setting-webhook', spellcheck: 'false' },
    placeholder: 'https://…',
  });
  chained.input.checked = true;
  const ticks = [random, chained, keep, tokensOnly];
  const node = element(
    'div',
    {},
    element('div', { class: 'settings' }, samples.node, seed.node),
    ...ticks.map((tick) => tick.node),
    element(
      'div',
      { class: 'setting' },
      element('label', { for: webhook.id }, 'Webhook of jobs'),
      webhook,
      element('span', { class: 'hint' }, 'an address that is told when the job has ended'),
    ),
  );
  node.addEventListener('input', onChange);
  return {
    node,
    read() {
      const fixed = seed.input.value === '' ? undefined : seed.input.valueAsNumber;
      const chosen = random.input.checked ? 'random' : fixed;
      return {
        ...(chosen !== undefined && { seed: chosen }),
        samples: samples.input.value === '' ? 1 : samples.input.valueAsNumber,
        chained: chained.input.checked,
        keep: keep.input.checked,
        tokensOnly: tokensOnly.input.checked,
        ...(webhook.value.trim() !== '' && { webhook: webhook.value.trim() }),
      };
    },
    set(settings) {
      samples.input.value = settings.samples === 1 ? '' : String(settings.samples);
      seed.input.value = typeof settings.seed === 'number' ? String(settings.seed) : '';
      random.input.checked = settings.seed === 'random';
      chained.input.checked = settings.chained;
      keep.input.checked = settings.keep;
      tokensOnly.input.checked = settings.tokensOnly;
      webhook.value = settings.webhook ?? '';
    },
  };
}
