/** Tick boxes for what the model can predict, and the settings that hold for all of them. */
import type { GenerateRequestBody, TargetSettings } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { inputForm, inputModality, targetModality } from '../../shared/plan/names.ts';
import { button, element } from './dom.ts';
import { GROUPS, groupOf, titleOf } from './labels.ts';

export interface Targets {
  /** Ticked modalities, in the model's order. */
  chosen(): readonly Modality[];
  /** Disables the targets that these inputs give already: the API refuses to predict what it is told. */
  withhold(inputs: GenerateRequestBody['inputs']): void;
}

/** Whether an input is the very modality that its target would generate (pixels are another than tokens). */
function isGiven(modality: Modality, inputs: GenerateRequestBody['inputs']): boolean {
  const { name } = modality;
  const value = inputs[name];
  return (
    value !== undefined &&
    inputModality(modality, name, inputForm(modality, value)) === targetModality(modality, name)
  );
}

/** A list of tick boxes in groups; depth and caption are ticked at first. */
export function createTargets(
  parent: HTMLElement,
  modalities: readonly Modality[],
  onChange: () => void,
): Targets {
  const boxes = modalities
    .filter((modality) => modality.output)
    .map((modality) => {
      const input = element('input', { type: 'checkbox', name: 'target', value: modality.name });
      input.checked = modality.presentation === 'depth' || modality.name === 'caption';
      return { modality, input };
    });
  for (const group of GROUPS) {
    const members = boxes.filter(({ modality }) => groupOf(modality) === group);
    if (members.length === 0) continue;
    parent.append(
      element(
        'fieldset',
        { class: 'ticks' },
        element('legend', {}, group),
        ...members.map(({ modality, input }) =>
          element('label', { class: 'tick' }, input, element('span', {}, titleOf(modality.name))),
        ),
      ),
    );
  }
  const setAll = (checked: boolean): void => {
    for (const { input } of boxes) input.checked = checked;
    onChange();
  };
  parent.append(
    element(
      'p',
      { class: 'pair' },
      button('All', () => setAll(true), 'quiet'),
      button('None', () => setAll(false), 'quiet'),
    ),
  );
  parent.addEventListener('change', onChange);
  return {
    chosen: () =>
      boxes.filter(({ input }) => input.checked && !input.disabled).map(({ modality }) => modality),
    withhold(inputs) {
      for (const { modality, input } of boxes) {
        input.disabled = isGiven(modality, inputs);
        input.title = input.disabled ? 'Given as an input' : '';
      }
    },
  };
}

export interface Settings {
  readonly seed?: number | 'random';
  readonly chained: boolean;
  readonly numSamples: number;
  /** Of every target; steps only reach picture-like ones. */
  readonly perTarget: Omit<TargetSettings, 'modality'>;
}

interface NumberOptions {
  readonly min: number;
  readonly max: number;
  readonly step: number | 'any';
  readonly hint: string;
}

function numberField(name: string, label: string, options: NumberOptions) {
  const { hint, ...bounds } = options;
  const input = element('input', {
    type: 'number',
    id: `setting-${name}`,
    name,
    placeholder: 'default',
    ...bounds,
  });
  const node = element(
    'div',
    { class: 'setting' },
    element('label', { for: input.id }, label),
    input,
    element('span', { class: 'hint' }, hint),
  );
  return { node, read: () => (input.value === '' ? undefined : input.valueAsNumber) };
}

/** The advanced settings; what is left empty takes the server's default. */
export function createSettings(parent: HTMLElement, onChange: () => void): { read(): Settings } {
  const numbers = {
    steps: numberField('steps', 'Steps', {
      min: 1,
      max: 1024,
      step: 1,
      hint: 'pictures and vectors',
    }),
    temperature: numberField('temperature', 'Temperature', {
      min: 0,
      max: 100,
      step: 'any',
      hint: '0 is greedy',
    }),
    guidance_scale: numberField('guidance_scale', 'Guidance', {
      min: -100,
      max: 100,
      step: 'any',
      hint: '1 is none',
    }),
    top_p: numberField('top_p', 'Top p', { min: 0, max: 1, step: 'any', hint: '0 is off' }),
  };
  const samples = numberField('num_samples', 'Samples', {
    min: 1,
    max: 16,
    step: 1,
    hint: 'of every target',
  });
  const seed = numberField('seed', 'Seed', {
    min: 0,
    max: 2 ** 32 - 1,
    step: 1,
    hint: 'equal requests, equal results',
  });
  const fresh = element('input', { type: 'checkbox', id: 'setting-random' });
  const chained = element('input', { type: 'checkbox', id: 'setting-chained', checked: true });
  const tick = (input: HTMLInputElement, label: string): HTMLElement =>
    element('label', { class: 'tick' }, input, element('span', {}, label));
  parent.append(
    element(
      'details',
      {},
      element('summary', {}, 'Settings'),
      element(
        'div',
        { class: 'settings' },
        ...Object.values(numbers).map(({ node }) => node),
        samples.node,
        seed.node,
      ),
      tick(fresh, 'A new random seed for every run'),
      tick(chained, 'Chained: a finished target helps to predict the next'),
    ),
  );
  parent.addEventListener('input', onChange);
  return {
    read() {
      const values = Object.entries(numbers).flatMap(([name, { read }]) => {
        const value = read();
        return value === undefined ? [] : [[name, value] as const];
      });
      const fixed = seed.read();
      const chosenSeed = fresh.checked ? 'random' : fixed;
      return {
        ...(chosenSeed !== undefined && { seed: chosenSeed }),
        chained: chained.checked,
        numSamples: samples.read() ?? 1,
        perTarget: Object.fromEntries(values),
      };
    },
  };
}
