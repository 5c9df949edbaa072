/** How strongly the inputs pull, or push: as recommended, by one scale, or by a weight for each input. */
import { element } from './dom.ts';
import type { OwnSettings } from './formState.ts';
import { titleOf } from './labels.ts';
import { type Slider, weightSlider } from './slider.ts';

export type OwnGuidance = Pick<OwnSettings, 'guidance' | 'guidance_scale'>;

export interface Guidance {
  readonly node: HTMLElement;
  read(): OwnGuidance;
  show(own: OwnGuidance): void;
  /** The inputs that can be weighed, and the scale that holds where nothing is said. */
  offer(names: readonly string[], recommended: number | undefined): void;
}

const KINDS = {
  recommended: 'As recommended',
  scale: 'One scale for all inputs',
  weights: 'A weight for each input',
} as const;
type Kind = keyof typeof KINDS;

/** @param onChange called after every change by the visitor */
export function createGuidance(onChange: () => void): Guidance {
  const kind = element(
    'select',
    { id: 'setting-guidance' },
    ...Object.entries(KINDS).map(([value, label]) => element('option', { value }, label)),
  );
  const scale = weightSlider('setting-scale', 'Guidance scale', 2, onChange);
  const place = element('div', { class: 'sliders' });
  const note = element('p', { class: 'hint' });
  const weights = new Map<string, Slider>();
  /** Weights of inputs that are not given now are kept for when they are. */
  const known = new Map<string, number>();
  let names: readonly string[] = [];

  const isKind = (wanted: Kind): boolean => kind.value === wanted;
  function draw(): void {
    weights.clear();
    if (isKind('weights'))
      for (const name of names) {
        const slider = weightSlider(
          `weight-of-${name}`,
          titleOf(name),
          known.get(name) ?? 1,
          () => {
            known.set(name, slider.value());
            onChange();
          },
        );
        weights.set(name, slider);
      }
    const shown = isKind('scale') ? [scale] : [...weights.values()];
    place.replaceChildren(...shown.map(({ node }) => node));
    note.hidden = isKind('recommended');
    note.textContent = isKind('weights')
      ? 'Below 0 the prediction moves away from an input; 0 hides it.'
      : '1 follows the inputs as they are; above it exaggerates them, below 0 moves away.';
  }
  kind.addEventListener('change', () => {
    draw();
    onChange();
  });
  draw();
  return {
    node: element(
      'div',
      { class: 'guidance' },
      element('label', { for: kind.id }, 'Guidance'),
      kind,
      place,
      note,
    ),
    read() {
      if (isKind('scale')) return { guidance_scale: scale.value() };
      if (!isKind('weights') || weights.size === 0) return {};
      const own = [...weights].map(([name, slider]) => [name, slider.value()] as const);
      return { guidance: Object.fromEntries(own) };
    },
    show({ guidance, guidance_scale }) {
      const shown: Kind = guidance
        ? 'weights'
        : guidance_scale === undefined
          ? 'recommended'
          : 'scale';
      kind.value = shown;
      if (guidance_scale !== undefined) scale.set(guidance_scale);
      for (const [name, weight] of Object.entries(guidance ?? {})) known.set(name, weight);
      draw();
    },
    offer(offered, recommended) {
      if (isKind('recommended') && recommended !== undefined) scale.set(recommended);
      if (offered.join() === names.join()) return;
      names = offered;
      if (isKind('weights')) draw();
    },
  };
}
