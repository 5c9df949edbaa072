/** `/v1/collections/{name}/items`: added, listed, looked at, deleted. */
import {
  type AddItemsResponse,
  addItemsRequestSchema,
  deletedSchema,
  itemSchema,
  itemsResponseSchema,
  keptItemsSchema,
} from '../../shared/api/collections.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import { readRequest } from '../body/read.ts';
import { askCollections, itemIdOf, nameOf, pageOf } from '../collections/ask.ts';
import { readyInputs } from '../collections/inputs.ts';
import { priceFor } from '../compute/pay.ts';
import { runUnstored } from '../compute/unstored.ts';
import type { EdgeContext } from '../problems.ts';
import { servedBy } from '../provenance.ts';
import type { Services } from '../services.ts';
import { withSources } from '../sources/sources.ts';

export function createItemRoutes(services: Services) {
  async function add(c: EdgeContext): Promise<Response> {
    const name = nameOf(c);
    const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.addItems.request);
    const { items, dry_run } = parseBody(addItemsRequestSchema, value);
    const at = (index: number): string => pointerTo('items', index);
    const { holders, model, cost, work, sources } = await readyInputs(
      c,
      services,
      name,
      items,
      at,
      files,
    );
    const usage = { ...usageOf(cost), ...priceFor(c, services, work) };
    if (dry_run) {
      const { exact } = cost;
      const priced = { dry_run, items: 0, usage, exact } satisfies AddItemsResponse;
      return c.json(priced);
    }
    const operation = { do: 'add', name, items: holders } as const;
    const options = { files, model: model?.id };
    const kept = await runUnstored(c, services, work, () =>
      askCollections(c, services, operation, keptItemsSchema, options),
    );
    const answer = { ...kept, ...(model && { model: servedBy(model) }), usage };
    return c.json(withSources(answer satisfies AddItemsResponse, sources));
  }

  return {
    addItems: add,
    items: async (c: EdgeContext): Promise<Response> => {
      const operation = { do: 'items', name: nameOf(c), ...pageOf(c) } as const;
      return c.json(await askCollections(c, services, operation, itemsResponseSchema));
    },
    item: async (c: EdgeContext): Promise<Response> => {
      const operation = { do: 'item', name: nameOf(c), id: itemIdOf(c) } as const;
      return c.json(await askCollections(c, services, operation, itemSchema));
    },
    deleteItem: async (c: EdgeContext): Promise<Response> => {
      const operation = { do: 'remove', name: nameOf(c), id: itemIdOf(c) } as const;
      return c.json(await askCollections(c, services, operation, deletedSchema));
    },
  };
}
