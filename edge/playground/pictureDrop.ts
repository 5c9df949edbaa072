/** A zone that takes any number of pictures: dropped, or chosen. */
import { element } from './dom.ts';
import type { Picture } from './pictureField.ts';
import { ACCEPTED, readAsDataUrl, refusalOf } from './pictureFiles.ts';

export interface PictureDrop {
  readonly node: HTMLElement;
}

/** @param onPictures told of all pictures of a drop at once */
export function pictureDrop(
  id: string,
  title: string,
  onPictures: (pictures: readonly Picture[]) => void,
): PictureDrop {
  const input = element('input', {
    type: 'file',
    id,
    accept: ACCEPTED.join(','),
    multiple: true,
    class: 'unseen',
    'aria-describedby': `error-${id}`,
  });
  const prompt = element(
    'span',
    { class: 'prompt' },
    element('strong', {}, title),
    element('span', {}, 'Drop or choose pictures'),
  );
  const zone = element('label', { class: 'drop small', for: id }, input, prompt);
  const error = element('p', { class: 'field-error', id: `error-${id}`, role: 'alert' });

  async function take(files: FileList | null | undefined): Promise<void> {
    const given = [...(files ?? [])];
    error.textContent = given.map(refusalOf).find((message) => message !== '') ?? '';
    const fine = given.filter((file) => refusalOf(file) === '');
    const pictures = await Promise.all(
      fine.map(async (file) => ({ name: file.name, url: await readAsDataUrl(file) })),
    );
    input.value = '';
    if (pictures.length > 0) onPictures(pictures);
  }

  input.addEventListener('change', () => void take(input.files));
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
    });
  }
  zone.addEventListener('drop', (event) => void take(event.dataTransfer?.files));
  return { node: element('div', { class: 'field' }, zone, error) };
}
