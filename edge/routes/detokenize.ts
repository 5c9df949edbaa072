/** `POST /v1/detokenize`: tokens, given or kept -> the pictures, texts and values they stand for. */
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import {
  type DetokenizeRequest,
  type DetokenizeResponse,
  detokenizeRequestSchema,
} from '../../shared/api/tokens.ts';
import { unitsOfTokens } from '../../shared/plan/cost.ts';
import { findModality } from '../../shared/plan/names.ts';
import { checkDetokenize } from '../../shared/plan/tokens.ts';
import { assertComplete, assertSameTokens } from '../../shared/results/references.ts';
import { negotiate, represent } from '../accept.ts';
import { readRequest } from '../body/read.ts';
import { paid, priceFor } from '../compute/pay.ts';
import { DETOKENIZE } from '../dispatch/tasks.ts';
import { count } from '../limits.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import { computedNow, provenanceHeaders, UNCACHED } from '../provenance.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { inlineOf } from '../uploads/links.ts';

export function createDetokenizeRoute(services: Services) {
  const { dispatcher, keptFor, linker } = services;

  async function detokenize(c: EdgeContext): Promise<Response> {
    inlineOf(c);
    const { value } = await readRequest(c.req.raw, c.get('body'));
    const parsed = parseBody(detokenizeRequestSchema, value);
    const { model } = await chooseModel(c, services, parsed.model);
    const kept = keptFor(tenantOf(c));
    const given: DetokenizeRequest['tokens'] = {};
    for (const [name, source] of Object.entries(parsed.tokens)) {
      if (!('ref' in source)) {
        given[name] = source;
        continue;
      }
      const pointer = pointerTo('tokens', name, 'ref');
      const found = await kept.tokens.find(source.ref, pointer);
      assertSameTokens(found, findModality(model, name), name, pointer);
      given[name] = { tokens: assertComplete(found, pointer) };
    }
    const request = { ...parsed, tokens: given };
    const decoded = checkDetokenize(request, model);
    const [first, ...others] = decoded;
    const single = first && others.length === 0 ? findModality(model, first.name) : undefined;
    const wanted = negotiate(c.req.header('accept'), single, false);
    const tokens = decoded.reduce((sum, one) => sum + one.tokens.length, 0);
    const work = { model, units: unitsOfTokens(tokens, model) };
    await count(c, services.limiter, 'units', () => work.units);
    const made: DetokenizeResponse = await paid(
      c,
      services,
      () => work,
      () =>
        dispatcher.run(
          DETOKENIZE,
          { request_id: c.get('requestId'), model: model.id, request },
          { traceparent: c.get('traceparent'), turn: c.get('turn'), signal: c.req.raw.signal },
        ),
    );
    const result = { ...made, usage: { units: work.units, ...priceFor(c, services, work) } };
    const isBytes = wanted.kind === 'bytes';
    const answer = isBytes ? result : (await linker.link(c, result)).result;
    const { body, contentType } = await represent(answer, Object.values(result.outputs)[0], wanted);
    const provenance = provenanceHeaders({
      models: [result.model],
      seed: request.seed,
      computed: computedNow(c),
    });
    const headers = { 'cache-status': UNCACHED, 'content-type': contentType, vary: 'accept' };
    return c.body(body, { headers: { ...headers, ...provenance } });
  }

  return detokenize;
}
