/** `POST /v1/detokenize`: tokens, given or kept -> the pictures, texts and values they stand for. */
import { parseBody } from '../../shared/api/parse.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { type DetokenizeRequest, detokenizeRequestSchema } from '../../shared/api/tokens.ts';
import { findModality } from '../../shared/plan/names.ts';
import { checkDetokenize } from '../../shared/plan/tokens.ts';
import { assertComplete, assertSameTokens } from '../../shared/results/references.ts';
import { negotiate, represent } from '../accept.ts';
import { readRequest } from '../body/read.ts';
import { decodeTokens } from '../compute/decodeTokens.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import { computedNow, provenanceHeaders } from '../provenance.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';
import { inlineOf } from '../uploads/links.ts';

export function createDetokenizeRoute(services: Services) {
  const { keptFor, linker } = services;

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
    const result = await decodeTokens(c, services, model, request, tokens);
    const isBytes = wanted.kind === 'bytes';
    const answer = isBytes ? result : (await linker.link(c, result)).result;
    const { body, contentType } = await represent(answer, Object.values(result.outputs)[0], wanted);
    const provenance = provenanceHeaders({
      models: [result.model],
      seed: request.seed,
      computed: computedNow(c),
    });
    const headers = { 'content-type': contentType, vary: 'accept' };
    return c.body(body, { headers: { ...headers, ...provenance } });
  }

  return detokenize;
}
