/** `POST /v1/detokenize`: tokens, given or kept -> the pictures, texts and values they stand for. */
import {
  type DetokenizeRequest,
  type DetokenizeResponse,
  detokenizeRequestSchema,
} from '../../shared/api/tokens.ts';
import { escapePointer, findModality, selectModel } from '../../shared/plan/names.ts';
import { checkDetokenize } from '../../shared/plan/tokens.ts';
import { assertComplete, assertSameTokens } from '../../shared/results/references.ts';
import { negotiate, represent } from '../accept.ts';
import { readRequest } from '../body.ts';
import { type EdgeContext, fail, failureOf, parseBody, problemResponse } from '../problems.ts';
import type { Services } from '../services.ts';

export function createDetokenizeRoute(services: Services) {
  const { dispatcher, tokens, config } = services;

  async function detokenize(c: EdgeContext): Promise<Response> {
    const parsed = parseBody(
      detokenizeRequestSchema,
      await readRequest(c.req.raw, config.FOURM_MAX_BODY_BYTES),
    );
    const models = await dispatcher.models();
    if (!models.ok) return fail(models.failure);
    const selected = selectModel(parsed.model, models.value);
    if (!selected.ok) return fail(selected.failure);
    const model = selected.value;
    const given: DetokenizeRequest['tokens'] = {};
    for (const [name, value] of Object.entries(parsed.tokens)) {
      if (!('ref' in value)) {
        given[name] = value;
        continue;
      }
      const pointer = `/tokens/${escapePointer(name)}/ref`;
      const kept = await tokens.find(value.ref, pointer);
      assertSameTokens(kept, findModality(model, name), name, pointer);
      given[name] = { tokens: assertComplete(kept, pointer) };
    }
    const request = { ...parsed, tokens: given };
    const names = checkDetokenize(request, model).map(({ name }) => name);
    const single = names.length === 1 ? findModality(model, names[0]!) : undefined;
    const wanted = negotiate(c.req.header('accept'), single, false);
    const outcome = await dispatcher.detokenize(
      { request_id: c.get('requestId'), model: model.id, request },
      { traceparent: c.get('traceparent'), signal: c.req.raw.signal },
    );
    if (!outcome.ok) return fail(outcome.failure);
    const result: DetokenizeResponse = outcome.value;
    const { body, contentType } = represent(result, Object.values(result.outputs)[0], wanted);
    return c.body(body, { headers: { 'content-type': contentType, vary: 'accept' } });
  }

  return async (c: EdgeContext): Promise<Response> => {
    try {
      return await detokenize(c);
    } catch (error) {
      return problemResponse(c, failureOf(error, services, c.get('requestId')));
    }
  };
}
