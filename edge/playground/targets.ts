/** Tick boxes for what the model can predict: ticked by what is given, until a visitor ticks himself. */
import type { GenerateRequestBody } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { hiddenParts, inputForm, inputModality, targetModality } from '../../shared/plan/names.ts';
import { button, element } from './dom.ts';
import { GROUPS, groupOf, titleOf } from './labels.ts';
import { rove } from './roving.ts';
import { suggestTargets } from './suggestTargets.ts';

export interface Targets {
  /** Ticked modalities, in the model's order. */
  chosen(): readonly Modality[];
  /** Names that the visitor has chosen; undefined while the page ticks by itself. */
  own(): readonly string[] | undefined;
  /** Ticks these, as if the visitor had; undefined leaves it to the page again. */
  choose(names: readonly string[] | undefined): void;
  /** Ticks what these inputs ask for, and disables the targets that they give already. */
  follow(inputs: GenerateRequestBody['inputs']): void;
}

type Values = GenerateRequestBody['inputs'];

/** Whether an input is the very modality that its target would generate (pixels are another than tokens). */
function isGiven(modality: Modality, inputs: Values): boolean {
  const { name } = modality;
  const value = inputs[name];
  return (
    value !== undefined &&
    hiddenParts(value).length === 0 &&
    inputModality(modality, name, inputForm(modality, value)) === targetModality(modality, name)
  );
}

export function createTargets(
  parent: HTMLElement,
  modalities: readonly Modality[],
  onChange: () => void,
): Targets {
  let isOwn = false;
  let given: Values = {};
  const boxes = modalities
    .filter((modality) => modality.output)
    .map((modality) => ({
      modality,
      input: element('input', { type: 'checkbox', name: 'target', value: modality.name }),
    }));
  const help = element('p', { class: 'hint keys-help', id: 'targets-keys' });
  help.textContent = 'Arrow keys go from one to the next';
  for (const group of GROUPS) {
    const members = boxes.filter(({ modality }) => groupOf(modality) === group);
    if (members.length === 0) continue;
    parent.append(
      element(
        'fieldset',
        { class: 'ticks', 'aria-describedby': help.id },
        element('legend', {}, group),
        ...members.map(({ modality, input }) =>
          element('label', { class: 'tick' }, input, element('span', {}, titleOf(modality.name))),
        ),
      ),
    );
  }
  parent.append(help);
  // As they stand on the page.
  const inOrder = GROUPS.flatMap((group) =>
    boxes.filter(({ modality }) => groupOf(modality) === group),
  );
  const updateStop = rove(
    parent,
    inOrder.map(({ input }) => input),
  );
  const tick = (names: readonly string[]): void => {
    for (const { modality, input } of boxes) input.checked = names.includes(modality.name);
  };
  const setAll = (checked: boolean): void => {
    isOwn = true;
    tick(checked ? boxes.map(({ modality }) => modality.name) : []);
    onChange();
  };
  const suggest = (): void => {
    const names = Object.keys(given);
    if (names.length === 0) return;
    const partly = names.filter((name) => hiddenParts(given[name] ?? '').length > 0);
    tick(suggestTargets(modalities, { names, partly }));
  };
  const suggested = button(
    'Suggested',
    () => {
      isOwn = false;
      suggest();
      onChange();
    },
    'quiet',
  );
  suggested.title = 'What the inputs ask for: a picture for words, everything else for a picture';
  parent.append(
    element(
      'p',
      { class: 'pair' },
      button('All', () => setAll(true), 'quiet'),
      button('None', () => setAll(false), 'quiet'),
      suggested,
    ),
  );
  parent.addEventListener('change', () => {
    isOwn = true;
    onChange();
  });
  const chosen = (): Modality[] =>
    boxes.filter(({ input }) => input.checked && !input.disabled).map(({ modality }) => modality);
  return {
    chosen,
    own: () => (isOwn ? chosen().map(({ name }) => name) : undefined),
    choose(names) {
      isOwn = names !== undefined;
      if (names) tick(names);
      else suggest();
    },
    follow(inputs) {
      given = inputs;
      if (!isOwn) suggest();
      for (const { modality, input } of boxes) {
        input.disabled = isGiven(modality, inputs);
        input.title = input.disabled ? 'Given as an input' : '';
      }
      updateStop();
      suggested.hidden = !isOwn;
    },
  };
}
