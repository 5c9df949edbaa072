/** Names of uploads: nobody can guess one. */
export const UPLOAD_ID = /^upload_[0-9a-f]{32}$/;

export const isUploadId = (id: string): boolean => UPLOAD_ID.test(id);

export function createUploadId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `upload_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
