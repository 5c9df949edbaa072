/** Buttons for the settings of the published demos: the server says which targets each stands for. */
import type { Model } from '../../shared/api/models.ts';
import type { PresetName } from '../../shared/api/targets.ts';
import { button, element } from './dom.ts';
import { PRESETS } from './formState.ts';

export interface Presets {
  readonly node: HTMLElement;
  current(): PresetName | undefined;
  set(preset: PresetName | undefined): void;
}

/** Whether a model can do what a preset is for. */
function fits(preset: PresetName, { modalities }: Model): boolean {
  const outputs = modalities.filter(({ output }) => output);
  const sizes = outputs.flatMap(({ input_size: size }) => size ?? []);
  if (preset === 'super-resolution') return Math.max(...sizes) > Math.min(...sizes);
  const pictures = outputs.filter(({ presentation }) => presentation === 'rgb');
  if (preset === 'anything-to-rgb') return pictures.length > 0;
  return modalities.some(({ presentation, input }) => input && presentation === 'rgb');
}

/** @param onPress told of the preset that is pressed now; undefined where it was let go */
export function createPresets(
  model: Model,
  onPress: (preset: PresetName | undefined) => void,
): Presets {
  let current: PresetName | undefined;
  const names = (Object.keys(PRESETS) as PresetName[]).filter((name) => fits(name, model));
  const buttons = names.map((name) => ({
    name,
    node: button(PRESETS[name], () => {
      set(current === name ? undefined : name);
      onPress(current);
    }),
  }));
  function set(preset: PresetName | undefined): void {
    current = preset;
    for (const { name, node } of buttons)
      node.setAttribute('aria-pressed', String(name === preset));
  }
  set(undefined);
  return {
    node: element(
      'div',
      { class: 'presets', role: 'group', 'aria-label': 'Settings of the published demos' },
      ...buttons.map(({ node }) => node),
    ),
    current: () => current,
    set,
  };
}
