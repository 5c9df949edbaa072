/** `POST /v1/collections/{name}/search`: the items nearest to what is asked for. */
import { parseBody } from '../../shared/api/parse.ts';
import { searchRequestSchema, searchResponseSchema } from '../../shared/api/search.ts';
import { readRequest } from '../body/read.ts';
import { askCollections, nameOf } from '../collections.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';

export function createSearchRoute(services: Services) {
  return async (c: EdgeContext): Promise<Response> => {
    const name = nameOf(c);
    const { value, files } = await readRequest(c.req.raw, c.get('body'));
    const request = parseBody(searchRequestSchema, value);
    const operation = { do: 'search', name, request } as const;
    return c.json(await askCollections(c, services, operation, searchResponseSchema, { files }));
  };
}
