/** Everything the model accepts: a picture and a caption in sight, the rest behind a disclosure. */
import type { GenerateRequestBody } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import type { CurlInput } from './curl.ts';
import { element } from './dom.ts';
import { PLACEHOLDERS, titleOf } from './labels.ts';
import { type Picture, type PictureField, pictureField } from './pictureField.ts';
import { isShown } from './tabs.ts';

export interface Inputs {
  /** The request's `inputs`, and the same for the curl command. */
  values(): { readonly body: GenerateRequestBody['inputs']; readonly curl: readonly CurlInput[] };
  /** The given picture, on which boxes are drawn. */
  picture(): Picture | undefined;
  /** Shows a message at the field of `/inputs/NAME`; false when there is no such field. */
  setError(name: string, message: string): boolean;
  clearErrors(): void;
}

interface Field {
  readonly name: string;
  read(): { value: GenerateRequestBody['inputs'][string]; curl: CurlInput } | undefined;
  setError(message: string): void;
}

const asPictureField = (name: string, field: PictureField): Field => ({
  name,
  read() {
    const picture = field.picture();
    return (
      picture && {
        value: picture.url,
        curl: { name, kind: 'file', value: picture.path ?? (picture.name || 'picture.png') },
      }
    );
  },
  setError: field.setError,
});

function textField(modality: Modality, onChange: () => void): Field & { node: HTMLElement } {
  const { name, presentation } = modality;
  const tokensOnly = !modality.accepts.includes('text');
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
    onChange();
  });
  const label = element('label', { for: id }, titleOf(name));
  if (tokensOnly) label.append(element('span', { class: 'hint' }, ' token ids'));
  return {
    name,
    node: element(
      'div',
      { class: 'field', 'data-field': pointerTo('inputs', name) },
      label,
      area,
      error,
    ),
    setError,
    read() {
      const text = area.value.trim();
      if (text === '') return undefined;
      if (!tokensOnly) return { value: text, curl: { name, kind: 'text', value: text } };
      const value = { tokens: text.split(/[\s,]+/).map(Number) };
      return { value, curl: { name, kind: 'tokens', value: value.tokens } };
    },
  };
}

/** Fields for the model's input modalities, appended to `parent`. */
export function createInputs(
  parent: HTMLElement,
  modalities: readonly Modality[],
  examples: readonly Picture[],
  onChange: () => void,
): Inputs {
  const main = element('div');
  const more = element('div', { class: 'more' });
  let rgb: PictureField | undefined;
  const fields = modalities
    .filter((modality) => modality.input)
    .map((modality): Field => {
      const isPicture = modality.accepts.includes('image');
      const primary = modality.presentation === 'rgb' || modality.name === 'caption';
      if (!isPicture) {
        const field = textField(modality, onChange);
        (primary ? main : more).append(field.node);
        return field;
      }
      const title = modality.name === 'rgb' ? 'Picture' : titleOf(modality.name);
      const shown = modality.presentation === 'rgb' ? examples : [];
      const field = pictureField(modality.name, title, shown, onChange);
      if (primary) {
        rgb = field;
        main.prepend(field.node);
      } else more.append(field.node);
      return asPictureField(modality.name, field);
    });
  parent.append(main);
  if (more.childElementCount > 0) {
    parent.append(
      element(
        'details',
        {},
        element('summary', {}, 'More inputs'),
        element('p', { class: 'hint' }, 'Whatever is given here is a condition too.'),
        more,
      ),
    );
  }

  // A picture pasted anywhere on the page is meant for the picture input; text goes where the cursor is.
  document.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file && rgb && isShown(rgb.node)) {
      event.preventDefault();
      void rgb.take(file);
    }
  });
  // A file that misses the drop zone would replace the page.
  for (const kind of ['dragover', 'drop'] as const) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }

  return {
    values() {
      const given = fields.flatMap((field) => {
        const read = field.read();
        return read ? [{ name: field.name, ...read }] : [];
      });
      return {
        body: Object.fromEntries(given.map(({ name, value }) => [name, value])),
        curl: given.map(({ curl }) => curl),
      };
    },
    picture: () => rgb?.picture(),
    setError(name, message) {
      const field = fields.find((candidate) => candidate.name === name);
      field?.setError(message);
      return field !== undefined;
    },
    clearErrors() {
      for (const field of fields) field.setError('');
    },
  };
}
