/** Examples of operations with heads. */
import type { Example } from './example.ts';

const NAME = { name: 'shapes' };
const SENTENCES = [
  ['a red cone', 'cone'],
  ['a green cone', 'cone'],
  ['a red sphere', 'sphere'],
  ['a green sphere', 'sphere'],
] as const;

export const HEAD_EXAMPLES = {
  fitHead: [
    {
      body: {
        ...NAME,
        examples: SENTENCES.map(([caption, label]) => ({ inputs: { caption }, label })),
      },
      client: ({ body }) => `client.fitHead(${body()})`,
    },
  ],
  classify: [
    {
      body: { inputs: { rgb: { data: '@picture.png' } }, head: 'shapes' },
      client: ({ body }) => `client.classify(${body()})`,
    },
  ],
  heads: [{ client: () => 'client.heads()' }],
  head: [{ path: NAME, client: ({ path }) => `client.head(${path('name')})` }],
  putHead: [
    {
      path: { name: 'mine' },
      file: { name: 'head.safetensors', type: 'application/octet-stream' },
      client: ({ path, file }) => `client.putHead(${path('name')}, ${file})`,
    },
  ],
  deleteHead: [{ path: NAME, client: ({ path }) => `client.deleteHead(${path('name')})` }],
} as const satisfies Record<string, readonly Example[]>;
