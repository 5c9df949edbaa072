/** A zone that takes any number of pictures: dropped, or chosen. */
import { element } from './dom.ts';
import type { Picture } from './pictureField.ts';
import { ACCEPTED, hold, readAsDataUrl, refusalOf } from './pictureFiles.ts';

export interface PictureDrop {
  readonly node: HTMLElement;
}

/** @param onChosen called as files are chosen; what it returns is told of all their pictures once they are read */
export function pictureDrop(
  id: string,
  title: string,
  onChosen: () => (pictures: readonly Picture[]) => void,
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
    // Choosing the same file again tells of a change only where nothing is chosen before.
    input.value = '';
    if (fine.length === 0) return;
    const onPictures = onChosen();
    const read = await Promise.allSettled(
      fine.map(async (file) => ({ name: file.name, url: await readAsDataUrl(file) })),
    );
    const unread = fine.find((_, i) => read[i]?.status === 'rejected');
    if (unread) error.textContent = `${unread.name} cannot be read.`;
    const pictures = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (pictures.length > 0) onPictures(pictures);
  }

  input.addEventListener('change', () => void hold(take(input.files)));
  for (const kind of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.toggle('over', kind === 'dragenter' || kind === 'dragover');
    });
  }
  zone.addEventListener('drop', (event) => void hold(take(event.dataTransfer?.files)));
  return { node: element('div', { class: 'field' }, zone, error) };
}
