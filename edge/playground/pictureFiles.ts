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
