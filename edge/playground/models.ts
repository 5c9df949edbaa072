/** Which of several models the page asks: part of its address, so that a link leads to the same one. */
import type { Model } from '../../shared/api/models.ts';
import { element } from './dom.ts';

const PARAMETER = 'model';

/** The model that the page's address names; undefined for the server's first. */
export const chosenModel = (): string | undefined =>
  new URLSearchParams(location.search).get(PARAMETER) ?? undefined;

/** A selector that opens the page of another model: it has other modalities, and so another form. */
export function modelSelector(current: Model, models: readonly Model[]): HTMLSelectElement {
  const choices = models.map(({ id }) =>
    element('option', { value: id, selected: id === current.id }, id),
  );
  const selector = element('select', { id: 'models', 'aria-label': 'Model' }, ...choices);
  selector.addEventListener('change', () => {
    location.search = new URLSearchParams({ [PARAMETER]: selector.value }).toString();
  });
  return selector;
}
