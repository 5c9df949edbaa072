/** Examples of operations on collections. */
import type { Example } from './example.ts';

const NAME = { name: 'pictures' };
const ITEM = { ...NAME, id: 'scene-1' };
const ITEMS = {
  name: 'items.jsonl',
  type: 'application/x-ndjson',
  text: [
    '{"id": "cone", "inputs": {"caption": "a green cone"}}',
    '{"id": "spheres", "inputs": {"caption": "two red spheres"}}',
    '',
  ].join('\n'),
};

export const COLLECTION_EXAMPLES = {
  createCollection: [
    {
      body: { ...NAME, embedding: { kind: 'target', target: 'scene_global' } },
      client: ({ body }) => `client.createCollection(${body()})`,
    },
  ],
  collections: [{ client: () => 'client.collections()' }],
  collection: [{ path: NAME, client: ({ path }) => `client.collection(${path('name')})` }],
  deleteCollection: [
    { path: NAME, client: ({ path }) => `client.deleteCollection(${path('name')})` },
  ],
  addItems: [
    {
      path: NAME,
      body: { items: [{ id: 'scene-1', inputs: { rgb: { data: '@picture.png' } } }] },
      client: ({ path, body }) => `client.addItems(${path('name')}, ${body('items')})`,
    },
  ],
  items: [{ path: NAME, client: ({ path }) => `client.items(${path('name')})` }],
  item: [{ path: ITEM, client: ({ path }) => `client.item(${path('name')}, ${path('id')})` }],
  deleteItem: [
    { path: ITEM, client: ({ path }) => `client.deleteItem(${path('name')}, ${path('id')})` },
  ],
  importItems: [
    {
      path: NAME,
      file: ITEMS,
      client: ({ path, file }) => `client.importItems(${path('name')}, ${file})`,
    },
  ],
  search: [
    {
      path: NAME,
      body: { inputs: { caption: 'a purple cone' }, k: 3 },
      client: ({ path, body }) => `client.search(${path('name')}, ${body()})`,
    },
  ],
} as const satisfies Record<string, readonly Example[]>;
