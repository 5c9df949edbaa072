/** Tokens -> what they stand for, by a worker. */
import type { Model } from '../../shared/api/models.ts';
import type { DetokenizeRequest, DetokenizeResponse } from '../../shared/api/tokens.ts';
import { unitsOfTokens } from '../../shared/plan/cost.ts';
import { DETOKENIZE } from '../dispatch/tasks.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { priceFor } from './pay.ts';
import { runUnstored } from './unstored.ts';

/**
 * @param request whose tokens are given, and not named
 * @param tokens how many there are, which is what it costs
 * @throws FailureError as `runUnstored`, and as the worker
 */
export async function decodeTokens(
  c: EdgeContext,
  services: Services,
  model: Model,
  request: DetokenizeRequest,
  tokens: number,
): Promise<DetokenizeResponse> {
  const work = { model, units: unitsOfTokens(tokens, model) };
  const made = await runUnstored(c, services, work, () =>
    services.dispatcher.run(
      DETOKENIZE,
      { request_id: c.get('requestId'), model: model.id, request },
      { traceparent: c.get('traceparent'), turn: c.get('turn'), signal: c.req.raw.signal },
    ),
  );
  return { ...made, usage: { units: work.units, ...priceFor(c, services, work) } };
}
