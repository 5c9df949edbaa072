/** How each presentation is shown. Values come from the model, so every shape is checked before use. */
import type { Output } from '../../shared/api/generate.ts';
import { element, svg } from './dom.ts';
import type { Picture } from './given.ts';

interface Box {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly class: string;
}

const isBox = (value: unknown): value is Box => {
  const box = value as Partial<Box> | null;
  return (
    typeof box === 'object' &&
    typeof box?.class === 'string' &&
    [box.xmin, box.ymin, box.xmax, box.ymax].every((corner) => Number.isFinite(corner))
  );
};

/** A picture, enlarged without smoothing when it is small. */
export function pictureView(url: string, description: string): HTMLImageElement {
  const image = element('img', { src: url, alt: description, class: 'result-picture' });
  image.addEventListener('load', () => {
    image.classList.toggle('pixelated', image.naturalWidth <= 192);
  });
  return image;
}

/** Far apart for neighbours: a line that is seen on any picture, and a dark ground for white letters. */
const boxColour = (index: number, lightness: number): string =>
  `hsl(${(index * 137 + 205) % 360} 75% ${lightness}%)`;

/** Boxes over the picture they are about, or over an empty square when there was none. */
function boxesView(boxes: readonly Box[], picture: Picture | undefined): HTMLElement {
  const overlay = svg('svg', {
    viewBox: '0 0 100 100',
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  const labels = boxes.map((box, index) => {
    overlay.append(
      svg('rect', {
        x: box.xmin * 100,
        y: box.ymin * 100,
        width: Math.max(0, box.xmax - box.xmin) * 100,
        height: Math.max(0, box.ymax - box.ymin) * 100,
        stroke: boxColour(index, 45),
        'vector-effect': 'non-scaling-stroke',
      }),
    );
    const label = element('span', { class: 'box-label' }, box.class);
    label.style.left = `${Math.min(Math.max(box.xmin, 0), 0.9) * 100}%`;
    label.style.top = `${Math.min(Math.max(box.ymin, 0), 0.95) * 100}%`;
    label.style.background = boxColour(index, 24);
    return label;
  });
  const stage = element('div', { class: picture ? 'stage' : 'stage empty', 'aria-hidden': 'true' });
  if (picture) stage.append(pictureView(picture.url, ''));
  stage.append(overlay, ...labels);
  const percent = (value: number): string => `${Math.round(value * 100)}`;
  const list = boxes.map((box) =>
    element(
      'li',
      {},
      element('strong', {}, box.class),
      ` ${percent(box.xmin)}–${percent(box.xmax)} % across, ${percent(box.ymin)}–${percent(box.ymax)} % down`,
    ),
  );
  return element('div', {}, stage, element('ul', { class: 'box-list' }, ...list));
}

function paletteView(colours: readonly string[]): HTMLElement {
  return element(
    'ul',
    { class: 'palette' },
    ...colours.map((colour) => {
      const swatch = element('i', { 'aria-hidden': 'true' });
      swatch.style.background = colour;
      return element('li', {}, swatch, element('code', {}, colour));
    }),
  );
}

const readable = (value: unknown): string =>
  typeof value === 'number' ? String(Math.round(value * 1000) / 1000) : String(value);

function tableView(fields: object): HTMLElement {
  const rows = Object.entries(fields).map(([name, value]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name.replaceAll('_', ' ')),
      element('td', {}, readable(value)),
    ),
  );
  return element('table', {}, element('tbody', {}, ...rows));
}

/** A vector as bars around its zero line. */
export function vectorView(numbers: readonly number[]): HTMLElement {
  const largest = numbers.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
  const width = 240 / numbers.length;
  const bars = numbers.map((value, index) => {
    const height = (Math.abs(value) / largest) * 30;
    const y = value > 0 ? 32 - height : 32;
    return svg('rect', { x: index * width, y, width: width * 0.8, height: Math.max(height, 0.5) });
  });
  const name = `${numbers.length} numbers, largest magnitude ${readable(largest)}`;
  const chart = svg(
    'svg',
    {
      class: 'vector',
      viewBox: '0 0 240 64',
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': name,
    },
    ...bars,
  );
  return element('div', {}, chart, element('p', { class: 'hint' }, name));
}

function legendView(legend: NonNullable<Output['legend']>): HTMLElement {
  return element(
    'ul',
    { class: 'legend' },
    ...legend.map(({ name, colour }) => {
      const swatch = element('i', { 'aria-hidden': 'true' });
      swatch.style.background = colour;
      return element('li', {}, swatch, name);
    }),
  );
}

const isArrayOf = <T>(value: unknown, type: 'string' | 'number'): value is T[] =>
  Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === type);

/**
 * What one output means: a picture with its legend, boxes, swatches, a table, bars, or text.
 * @param given the input picture, under the boxes
 */
export function outputView(output: Output, title: string, given: Picture | undefined): Node[] {
  const { presentation, value, image, legend, text } = output;
  if (image !== undefined) {
    const picture = pictureView(image, `Predicted ${title.toLowerCase()}`);
    return legend && legend.length > 0 ? [picture, legendView(legend)] : [picture];
  }
  if (presentation === 'boxes' && Array.isArray(value)) {
    const boxes = value.filter(isBox);
    return boxes.length > 0
      ? [boxesView(boxes, given)]
      : [element('p', { class: 'hint' }, 'No boxes were found.')];
  }
  if (presentation === 'palette' && isArrayOf<string>(value, 'string')) return [paletteView(value)];
  if (presentation === 'metadata' && typeof value === 'object' && value !== null)
    return [tableView(value)];
  if (isArrayOf<number>(value, 'number')) return [vectorView(value)];
  if (text !== undefined) return [element('p', { class: 'text' }, text || '(nothing)')];
  return [element('p', { class: 'hint' }, `${output.tokens.length} tokens; see below.`)];
}
