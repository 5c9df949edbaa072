/** Picture files of a visitor: which can be taken, and how they become data URLs. */

/** The API takes bodies of 20 MB by default, and base64 is a third longer than the file. */
const MAX_FILE_BYTES = 14_000_000;

/** Media types that the server decodes. */
export const ACCEPTED: readonly string[] = ['image/png', 'image/jpeg', 'image/webp'];

export const readAsDataUrl = (file: Blob): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(String(reader.result)));
    reader.addEventListener('error', () => reject(reader.error));
    reader.readAsDataURL(file);
  });

let reading: Promise<unknown> | undefined;

/** Work that takes files: what is asked for after it waits for it. */
export function hold(work: Promise<void>): Promise<void> {
  const all = Promise.allSettled([reading, work]).then(() => {
    if (reading === all) reading = undefined;
  });
  reading = all;
  return work;
}

export const isReading = (): boolean => reading !== undefined;

/** Goes on at once, or with the files that were chosen before and are still read. */
export const afterReading = (goOn: () => void): void =>
  reading ? void reading.then(goOn) : goOn();

/** Why a file cannot be taken; empty when it can. */
export const refusalOf = (file: File): string => {
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > MAX_FILE_BYTES) return `${file.name} is larger than 14 MB.`;
  // A file without a known type is left to the server, which looks at its bytes.
  if (file.type === '' || ACCEPTED.includes(file.type)) return '';
  return file.type.startsWith('image/')
    ? `${file.name} is ${file.type}, which the server does not decode. PNG, JPEG and WebP work.`
    : `${file.name} is not a picture (it is ${file.type}). PNG, JPEG and WebP work.`;
};
