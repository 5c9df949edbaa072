/** What can be done with collections: items and questions become vectors here, and the rest is `retrieval`'s. */

import type {
  Collection,
  CollectionsResponse,
  Deleted,
  GivenItem,
  Item,
  ItemsResponse,
  KeptItems,
} from '../../shared/api/collections.ts';
import type { CollectionOperation } from '../../shared/api/collectionWork.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { Found } from '../../shared/api/search.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { Collections } from '../retrieval/collections.ts';
import { assertMetadata, type Row } from '../retrieval/rows.ts';
import { type Imported, importItems } from './importItems.ts';
import { answerQuestion } from './questions.ts';
import { type Vectorising, vectorsOf } from './vectorise.ts';

export interface CollectionContext extends Vectorising {
  /** Absent where the worker keeps none. */
  readonly collections?: (() => Collections) | undefined;
}

/** Sets of inputs that an operation brings. */
export function inputsIn(operation: CollectionOperation): number {
  if (operation.do === 'add') return operation.items.filter(({ inputs }) => inputs).length;
  if (operation.do !== 'search') return 0;
  const { inputs, mix = [] } = operation.request;
  return (inputs ? 1 : 0) + mix.filter((part) => part.inputs).length;
}

/** @throws FailureError `invalid_request` when an id comes twice */
function assertDifferent(items: readonly GivenItem[]): void {
  const seen = new Map<string, number>();
  for (const [index, { id }] of items.entries()) {
    const first = seen.get(id);
    seen.set(id, index);
    if (first === undefined) continue;
    const detail = `item ${index} has the id ${shorten(id)}, as item ${first} does`;
    throw refusal('invalid_request', detail, pointerTo('items', index, 'id'));
  }
}

type Add = Extract<CollectionOperation, { do: 'add' }>;

/** All items are looked at before any is kept. */
async function add(
  { name, items }: Add,
  collections: Collections,
  context: CollectionContext,
): Promise<KeptItems> {
  const { tenant } = context;
  const description = await collections.describe({ tenant, name });
  assertDifferent(items);
  for (const [index, { metadata }] of items.entries())
    assertMetadata(metadata, description, ['items', index, 'metadata']);
  const vectors = await vectorsOf(
    items.map((source, index) => ({ source, path: ['items', index] })),
    description,
    context,
  );
  const rows = items.map(({ id, metadata }, index): Row => {
    const vector = vectors[index]?.vector;
    if (!vector) throw new Error('an item came without its vector');
    return { id, metadata, vector };
  });
  await collections.put({ tenant, description }, rows);
  return { items: rows.length };
}

/** @throws FailureError `no_collections` where the worker keeps none; as each operation */
export async function runCollectionWork(
  operation: CollectionOperation,
  context: CollectionContext,
): Promise<
  Collection | CollectionsResponse | Deleted | KeptItems | ItemsResponse | Item | Found | Imported
> {
  const { tenant } = context;
  if (!context.collections) {
    const detail = 'this server keeps no collections: FOURM_COLLECTIONS is not set on its workers';
    throw refusal('no_collections', detail);
  }
  const collections = context.collections();
  switch (operation.do) {
    case 'create':
      return await collections.create(tenant, operation);
    case 'list': {
      const { entries, next } = await collections.list(tenant, operation);
      return { collections: [...entries], next };
    }
    case 'get':
      return await collections.get({ tenant, name: operation.name });
    case 'drop':
      await collections.drop({ tenant, name: operation.name });
      return { deleted: true };
    case 'add':
      return await add(operation, collections, context);
    case 'items': {
      const { entries, next } = await collections.items(
        { tenant, name: operation.name },
        operation,
      );
      return { items: [...entries], next };
    }
    case 'item':
      return await collections.item({ tenant, name: operation.name }, operation.id);
    case 'remove':
      await collections.remove({ tenant, name: operation.name }, operation.id);
      return { deleted: true };
    case 'import':
      return await importItems(operation, collections, context);
    case 'search': {
      const { name, request } = operation;
      return await answerQuestion({ tenant, name }, request, collections, context);
    }
  }
}
