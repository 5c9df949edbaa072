/** One picture input: drop zone, file picker, paste, examples, a name in place of bytes, and hidden parts. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { button, element } from './dom.ts';
import { type GivenPicture, namedPicture, type Picture } from './given.ts';
import { createHideGrid } from './hideGrid.ts';
import { ACCEPTED, hold, readAsDataUrl, refusalOf } from './pictureFiles.ts';

export type { Picture } from './given.ts';

export interface PictureField {
  readonly node: HTMLElement;
  picture(): Picture | undefined;
  given(): GivenPicture | undefined;
  set(picture: Picture | undefined, hidden?: readonly number[]): void;
  /** Takes a file as if it had been dropped; tells under the field when it is no picture. */
  take(file: File): Promise<void>;
  setError(message: string): void;
}

export interface PictureFieldOptions {
  /** Names the field in pointers and ids. */
  readonly id: string;
  readonly title: string;
  readonly examples: readonly Picture[];
  /** Patches of a picture's side; undefined where no part of it can be hidden. */
  readonly sideOf?: (picture: Picture) => number | undefined;
  /** Whether references, uploads and addresses stand for a picture. */
  readonly takesNames?: boolean;
  /** Called after every change. */
  readonly onChange: () => void;
}

/** A field for what stands in place of bytes. */
function nameField(id: string, title: string, set: (picture: Picture) => void): HTMLElement {
  const name = element('input', {
    type: 'text',
    id: `name-${id}`,
    spellcheck: 'false',
    placeholder: 'sha256:…, upload_… or https://…',
  });
  const error = element('p', { class: 'field-error', role: 'alert' });
  const take = (): void => {
    const picture = namedPicture(name.value.trim());
    error.textContent = picture
      ? ''
      : 'This is no reference (sha256:…), no upload (upload_…) and no address.';
    if (!picture) return;
    name.value = '';
    set(picture);
  };
  name.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    take();
  });
  return element(
    'details',
    { class: 'by-name' },
    element('summary', {}, 'By name'),
    element('label', { for: name.id, class: 'hint' }, `${title} by reference, upload or address`),
    element('div', { class: 'row' }, name, button('Give', take)),
    error,
  );
}

export function pictureField(options: PictureFieldOptions): PictureField {
  const { id, title, examples, sideOf, takesNames = false, onChange } = options;
  let current: Picture | undefined;
  let changes = 0;
  const input = element('input', {
    type: 'file',
    id: `input-${id}`,
    accept: ACCEPTED.join(','),
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
  const grid = createHideGrid(onChange);
  grid.node.hidden = true;
  const hide = button('Hide parts', () => showGrid(grid.node.hidden !== false), 'quiet');
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
  function showGrid(isShown: boolean): void {
    const side = current && sideOf?.(current);
    if (isShown && current && side !== undefined) grid.show(current.url, side);
    if (!isShown && grid.hidden().length > 0) grid.set([]);
    grid.node.hidden = !isShown;
    hide.setAttribute('aria-expanded', String(isShown));
    hide.textContent = isShown ? 'Hide nothing' : 'Hide parts';
  }
  function set(picture: Picture | undefined, hidden: readonly number[] = []): void {
    current = picture;
    changes++;
    setError('');
    input.value = '';
    const isSeen = picture !== undefined && picture.url !== '';
    preview.hidden = !isSeen;
    preview.alt = isSeen ? `Preview of ${picture.name}` : '';
    if (isSeen) preview.src = picture.url;
    else preview.removeAttribute('src');
    prompt.hidden = picture !== undefined;
    caption.textContent = picture?.name ?? '';
    remove.hidden = picture === undefined;
    hide.hidden = picture === undefined || sideOf?.(picture) === undefined;
    thumbnails.forEach((thumbnail, index) => {
      thumbnail.setAttribute('aria-pressed', String(examples[index] === picture));
    });
    showGrid(!hide.hidden && hidden.length > 0);
    if (hidden.length > 0) grid.set(hidden);
    onChange();
  }
  const read = async (file: File): Promise<void> => {
    const message = refusalOf(file);
    if (message !== '') return setError(message);
    // What is chosen, removed or given while this one is read is later, so that it stays.
    const before = ++changes;
    const url = await readAsDataUrl(file).catch(() => undefined);
    if (changes !== before) return;
    if (url === undefined) setError(`${file.name} cannot be read.`);
    else set({ name: file.name, url });
  };
  const take = (file: File): Promise<void> => hold(read(file));

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
  const acts = element('div', { class: 'pair' }, hide, remove);
  const node = element(
    'div',
    { class: 'field', 'data-field': pointerTo('inputs', id) },
    zone,
    error,
    acts,
    grid.node,
    thumbnails.length > 0 && row,
    takesNames && nameField(id, title, set),
  );
  set(undefined);
  return {
    node,
    picture: () => current,
    given: () =>
      current && { picture: current, hidden: grid.node.hidden ? [] : [...grid.hidden()] },
    set,
    take,
    setError,
  };
}
