/** What is shown of a fitted head: how good it is, which classes are taken for which, its file. */
import { ADDRESSES, fillPath } from '../../shared/api/addresses.ts';
import type { ClassifiedItem } from '../../shared/api/classify.ts';
import type { FitReport, Head } from '../../shared/api/heads.ts';
import { element } from './dom.ts';
import { fileLink } from './fileLink.ts';
import type { Picture } from './pictureField.ts';

const percent = (value: number): string => `${(100 * value).toFixed(value >= 0.9995 ? 0 : 1)} %`;

function classTable({ classes }: FitReport): HTMLElement {
  const head = ['Class', 'Examples', 'Precision', 'Recall'].map((title) =>
    element('th', { scope: 'col' }, title),
  );
  const rows = classes.map(({ label, support, precision, recall }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, label),
      ...[String(support), percent(precision), percent(recall)].map((text) =>
        element('td', {}, text),
      ),
    ),
  );
  return element(
    'table',
    { class: 'report' },
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...rows),
  );
}

function confusion({ confusion: { image }, classes }: FitReport): HTMLElement {
  const names = classes.map(({ label }, k) => `${k} ${label}`).join(', ');
  return element(
    'figure',
    { class: 'confusion' },
    element('img', { src: image, alt: 'Confusion matrix: rows are true, columns are predicted' }),
    element('figcaption', { class: 'hint' }, `Rows are true, columns predicted: ${names}.`),
  );
}

/** A card about a head. */
export function headCard({ name, version, report }: Head): HTMLElement {
  const file = fileLink(fillPath(ADDRESSES.head.path, { name }), 'description', `${name}.json`);
  const title = element('h3', {}, `Head ${name}`, element('code', {}, version.slice(7, 19)));
  if (!report) return element('article', { class: 'card' }, title, file);
  const { held_out, examples, folds, separable, l2 } = report;
  const facts = element(
    'p',
    {},
    element('strong', {}, `${percent(held_out.accuracy)} right`),
    ` on examples that a fit had not seen (${examples} examples, ${folds} folds); ` +
      `calibration error ${percent(held_out.calibration_error)}, before calibration ${percent(held_out.uncalibrated_error)}.`,
  );
  const parted = element(
    'p',
    { class: 'hint' },
    separable
      ? `A hyperplane parts the classes in these examples; the penalty (${l2}) was chosen on held-out ones.`
      : `No hyperplane parts the classes in these examples; the penalty is ${l2}.`,
  );
  return element(
    'article',
    { class: 'card', 'data-head': name },
    title,
    facts,
    parted,
    confusion(report),
    classTable(report),
    element(
      'p',
      { class: 'hint' },
      'Its ',
      file,
      ', and with another Accept its safetensors file.',
    ),
  );
}

/** The classes of an item, the likeliest first. */
export function classBars({ classes }: ClassifiedItem): HTMLElement {
  const bars = classes.map(({ label, probability }) => {
    const bar = element('i', { 'aria-hidden': 'true' });
    bar.style.inlineSize = `${100 * probability}%`;
    return element(
      'li',
      {},
      element('span', {}, label),
      bar,
      element('b', {}, percent(probability)),
    );
  });
  return element('ul', { class: 'bars' }, ...bars);
}

/** A card about a picture that was tested. */
export const testCard = (picture: Picture, item: ClassifiedItem): HTMLElement =>
  element(
    'article',
    { class: 'card', 'data-test': picture.name },
    element('h3', {}, item.classes[0]?.label ?? '', element('code', {}, picture.name)),
    element('img', { src: picture.url, alt: '', class: 'result-picture pixelated' }),
    classBars(item),
  );
