/** Examples of operations with uploads and links. */
import type { Example } from './example.ts';

const ID = { id: 'UPLOAD_ID' };
const PERMIT = { permit: 'PERMIT' };

export const UPLOAD_EXAMPLES = {
  createUpload: [{ body: { content_type: 'image/png', size: 4096 } }],
  upload: [{ path: ID, client: ({ path }) => `client.uploaded(${path('id')})` }],
  deleteUpload: [{ path: ID, client: ({ path }) => `client.deleteUpload(${path('id')})` }],
  link: [{ path: PERMIT, answer: { saveAs: 'output.png' } }],
  putLink: [{ path: PERMIT, file: { name: 'picture.png', type: 'image/png' } }],
} as const satisfies Record<string, readonly Example[]>;
