/** A slider with its number beside it. */
import { element } from './dom.ts';

export interface Slider {
  readonly node: HTMLElement;
  value(): number;
  set(value: number): void;
}

/** Weights that are of use; the API takes -100 to 100. */
const BOUNDS = { min: -5, max: 10, step: 0.1 } as const;

export function weightSlider(
  id: string,
  label: string,
  start: number,
  onChange: () => void,
): Slider {
  const input = element('input', { type: 'range', id, ...BOUNDS, value: start });
  const output = element('output', { for: id }, String(start));
  const show = (): void => {
    output.textContent = input.value;
  };
  input.addEventListener('input', () => {
    show();
    onChange();
  });
  return {
    node: element(
      'div',
      { class: 'slider' },
      element('label', { for: id }, label),
      output,
      input,
      element(
        'div',
        { class: 'ends hint', 'aria-hidden': 'true' },
        ...[`${BOUNDS.min}: away`, '0', `${BOUNDS.max}: towards`].map((text) =>
          element('span', {}, text),
        ),
      ),
    ),
    value: () => input.valueAsNumber,
    set(value) {
      input.value = String(value);
      show();
    },
  };
}
