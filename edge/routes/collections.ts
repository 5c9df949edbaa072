/** `/v1/collections`: made, listed, looked at, deleted. */
import {
  collectionSchema,
  collectionsResponseSchema,
  createCollectionRequestSchema,
  deletedSchema,
} from '../../shared/api/collections.ts';
import { parseBody } from '../../shared/api/parse.ts';
import { readRequest } from '../body/read.ts';
import { askCollections, nameOf, pageOf } from '../collections/ask.ts';
import { settleCollection } from '../collections/settle.ts';
import { loadedModels } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export function createCollectionRoutes(services: Services) {
  return {
    createCollection: async (c: EdgeContext): Promise<Response> => {
      const { value } = await readRequest(c.req.raw, c.get('body'));
      const request = parseBody(createCollectionRequestSchema, value);
      const settled = await settleCollection(request, () => loadedModels(c, services));
      const operation = { do: 'create', ...settled } as const;
      return c.json(await askCollections(c, services, operation, collectionSchema));
    },
    collections: async (c: EdgeContext): Promise<Response> =>
      c.json(
        await askCollections(c, services, { do: 'list', ...pageOf(c) }, collectionsResponseSchema),
      ),
    collection: async (c: EdgeContext): Promise<Response> =>
      c.json(await askCollections(c, services, { do: 'get', name: nameOf(c) }, collectionSchema)),
    deleteCollection: async (c: EdgeContext): Promise<Response> =>
      c.json(await askCollections(c, services, { do: 'drop', name: nameOf(c) }, deletedSchema)),
  };
}
