/** One picture input: drop zone, file picker, paste, and example pictures where there are some. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { button, element } from './dom.ts';
import { readAsDataUrl, refusalOf } from './pictureFiles.ts';

export interface Picture {
  readonly name: string;
  /** Where a command finds it from the repository's root; absent for a visitor's own file. */
  readonly path?: string;
  /** `data:image/...;base64,...` */
  readonly url: string;
}

export interface PictureField {
  readonly node: HTMLElement;
  picture(): Picture | undefined;
  set(picture: Picture | undefined): void;
  /** Takes a file as if it had been dropped; tells under the field when it is no picture. */
  take(file: File): Promise<void>;
  setError(message: string): void;
}

/** @param onChange called after every change of the picture */
export function pictureField(
  id: string,
  title: string,
  examples: readonly Picture[],
  onChange: () => void,
): PictureField {
  let current: Picture | undefined;
  const input = element('input', {
    type: 'file',
    id: `input-${id}`,
    accept: 'image/*',
    class: 'unseen',
    'aria-describedby': `error-${id}`,
  });
  const preview = element('img', { alt: '', class: 'pixelated', hidden: true });
  const prompt = element(
    'span',
    { class: 'prompt' },
    element('strong', {}, title),
    element('span', {}, 'Drop, paste or choose a file'),
  );
  const caption = element('span', { class: 'file-name' });
  const zone = element('label', { class: 'drop', for: input.id }, input, preview, prompt, caption);
  const error = element('p', { class: 'field-error', id: `error-${id}`, role: 'alert' });
  const remove = button('Remove', () => set(undefined), 'quiet remove');
  remove.setAttribute('aria-label', `Remove the ${title.toLowerCase()}`);
  const thumbnails = examples.map((example) => {
    const thumbnail = button('', () => set(example), 'thumbnail');
    thumbnail.setAttribute('aria-label', `Use example ${example.name}`);
    thumbnail.append(element('img', { src: example.url, alt: '', class: 'pixelated' }));
    return thumbnail;
  });

  const setError = (message: string): void => {
    error.textContent = message;
    zone.classList.toggle('wrong', message !== '');
    input.setAttribute('aria-invalid', String(message !== ''));
  };
  const set = (picture: Picture | undefined): void => {
    current = picture;
    setError('');
    input.value = '';
    preview.hidden = picture === undefined;
    preview.alt = picture ? `Preview of ${picture.name}` : '';
    if (picture) preview.src = picture.url;
    else preview.removeAttribute('src');
    prompt.hidden = picture !== undefined;
    caption.textContent = picture?.name ?? '';
    remove.hidden = picture === undefined;
    thumbnails.forEach((thumbnail, index) => {
      thumbnail.setAttribute('aria-pressed', String(examples[index] === picture));
    });
    onChange();
  };
  const take = async (file: File): Promise<void> => {
    const message = refusalOf(file);
    if (message === '') set({ name: file.name, url: await readAsDataUrl(file) });
    else setError(message);
  };

  preview.addEventListener('error', () => {
    preview.hidden = true;
  });
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    if (file) void take(file);
  });
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
    });
  }
  zone.addEventListener('drop', (event) => {
    const file = event.dataTransfer?.files[0];
    if (file) void take(file);
  });

  const row = element('div', { class: 'examples' });
  if (thumbnails.length > 0)
    row.append(element('span', { class: 'hint' }, 'Examples'), ...thumbnails);
  row.append(remove);
  const node = element(
    'div',
    { class: 'field', 'data-field': pointerTo('inputs', id) },
    zone,
    error,
    row,
  );
  set(undefined);
  return { node, picture: () => current, set, take, setError };
}
