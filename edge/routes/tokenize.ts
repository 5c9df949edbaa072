/** `POST /v1/tokenize`: values -> tokens, which can be kept. */
import { parseBody } from '../../shared/api/parse.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { type TokenizeResponse, tokenizeRequestSchema } from '../../shared/api/tokens.ts';
import { present } from '../../shared/lookup.ts';
import { unitsOfTokens } from '../../shared/plan/cost.ts';
import { planInput } from '../../shared/plan/inputs.ts';
import { findModality } from '../../shared/plan/names.ts';
import { keptTokens } from '../../shared/results/keptTokens.ts';
import { resolveInputs } from '../../shared/results/references.ts';
import { readRequest } from '../body/read.ts';
import { priceFor } from '../compute/pay.ts';
import { runUnstored } from '../compute/unstored.ts';
import { TOKENIZE } from '../dispatch/tasks.ts';
import { normaliseInputs, pixelsOf } from '../inputs.ts';
import { chooseModel } from '../models.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { createSources, withSources } from '../sources/sources.ts';
import { tenantOf } from '../tenant.ts';

export function createTokenizeRoute(services: Services) {
  const { dispatcher, keptFor } = services;

  async function tokenize(c: EdgeContext): Promise<TokenizeResponse> {
    const { value, files } = await readRequest(c.req.raw, c.get('body'), ROUTES.tokenize.request);
    const parsed = parseBody(tokenizeRequestSchema, value);
    const { model } = await chooseModel(c, services, parsed.model);
    const { tokens } = keptFor(tenantOf(c));
    const given = await resolveInputs(parsed.inputs, model, tokens);
    const planned = Object.entries(given).map(([name, value]) =>
      planInput(model, name, value, () => true),
    );
    const sources = createSources(c, services, files);
    const settled = await sources.settle(given);
    const request = { ...parsed, inputs: normaliseInputs(settled, model, files) };
    const read = planned.filter(({ form }) => form !== 'tokens');
    const tokensRead = read.reduce((sum, { visible }) => sum + visible, 0);
    const units = unitsOfTokens(tokensRead, model, pixelsOf(request.inputs, files));
    const work = { model, units };
    const answer = await runUnstored(c, services, work, () =>
      dispatcher.run(
        TOKENIZE,
        { request_id: c.get('requestId'), model: model.id, request },
        {
          traceparent: c.get('traceparent'),
          turn: c.get('turn'),
          signal: c.req.raw.signal,
          files,
        },
      ),
    );
    const usage = { units, ...priceFor(c, services, work) };
    const result = withSources({ ...answer, usage }, sources.found());
    if (!parsed.keep) return result;
    const kept = Object.entries(result.inputs).map(async ([name, input]) => {
      const entry = present(findModality(model, name), `the modality of ${name}`);
      const ref = await tokens.keep(keptTokens(input.modality, input.tokens, entry, model));
      return [name, { ...input, ref }] as const;
    });
    return { ...result, inputs: Object.fromEntries(await Promise.all(kept)) };
  }

  return async (c: EdgeContext): Promise<Response> => c.json(await tokenize(c));
}
