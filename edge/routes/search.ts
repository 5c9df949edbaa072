/** `POST /v1/collections/{name}/search`: the items nearest to what is asked for. */
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import {
  foundSchema,
  type SearchRequest,
  type SearchResponse,
  searchRequestSchema,
} from '../../shared/api/search.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import type { Files } from '../body/files.ts';
import { readRequest } from '../body/read.ts';
import { askCollections, nameOf } from '../collections/ask.ts';
import { readyInputs } from '../collections/inputs.ts';
import { priceFor } from '../compute/pay.ts';
import { runUnstored } from '../compute/unstored.ts';
import type { EdgeContext } from '../problems.ts';
import { servedBy } from '../provenance.ts';
import type { Services } from '../services.ts';
import { withSources } from '../sources/sources.ts';

export function createSearchRoute(services: Services) {
  /** The request with its inputs as a worker takes them, and the model that they need. */
  async function ready(c: EdgeContext, name: string, request: SearchRequest, files: Files) {
    const { mix } = request;
    if (mix) {
      const at = (index: number): string => pointerTo('mix', index);
      const { holders, ...rest } = await readyInputs(c, services, name, mix, at, files);
      return { request: { ...request, mix: holders }, ...rest };
    }
    const { holders, ...rest } = await readyInputs(c, services, name, [request], () => '', files);
    return { request: holders[0] ?? request, ...rest };
  }

  return async (c: EdgeContext): Promise<Response> => {
    const name = nameOf(c);
    const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.search.request);
    const parsed = parseBody(searchRequestSchema, value);
    const { request, model, cost, work, sources } = await ready(c, name, parsed, files);
    const usage = { ...usageOf(cost), ...priceFor(c, services, work) };
    if (request.dry_run) {
      const { exact } = cost;
      const priced = { dry_run: true, results: [], usage, exact } satisfies SearchResponse;
      return c.json(priced);
    }
    const operation = { do: 'search', name, request } as const;
    const options = { files, model: model?.id };
    const found = await runUnstored(c, services, work, () =>
      askCollections(c, services, operation, foundSchema, options),
    );
    const answer = { ...found, ...(model && { model: servedBy(model) }), usage };
    return c.json(withSources(answer satisfies SearchResponse, sources));
  };
}
