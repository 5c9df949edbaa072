/** One text input: words, JSON, token ids, or a reference to kept tokens. */
import type { Modality } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { element } from './dom.ts';
import { PLACEHOLDERS, titleOf } from './labels.ts';

export interface TextField {
  readonly node: HTMLElement;
  text(): string;
  set(text: string): void;
  setError(message: string): void;
}

/** @param onTyped called when a visitor has changed it */
export function textField(
  { name, presentation, accepts }: Modality,
  onTyped: () => void,
): TextField {
  const tokensOnly = !accepts.includes('text');
  const id = `input-${name}`;
  const area = element('textarea', {
    id,
    rows: 2,
    spellcheck: 'false',
    placeholder: tokensOnly ? '12, 7, 3 …' : (PLACEHOLDERS[presentation] ?? ''),
    'aria-describedby': `error-${name}`,
  });
  const error = element('p', { class: 'field-error', id: `error-${name}`, role: 'alert' });
  const setError = (message: string): void => {
    error.textContent = message;
    area.setAttribute('aria-invalid', String(message !== ''));
  };
  area.addEventListener('input', () => {
    setError('');
    onTyped();
  });
  const label = element('label', { for: id }, titleOf(name));
  if (tokensOnly) label.append(element('span', { class: 'hint' }, ' token ids'));
  return {
    node: element(
      'div',
      { class: 'field', 'data-field': pointerTo('inputs', name) },
      label,
      area,
      error,
    ),
    text: () => area.value.trim(),
    set(text) {
      area.value = text;
      setError('');
    },
    setError,
  };
}
