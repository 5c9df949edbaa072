/** The batch that an address names. */
import { BATCH_IDS } from '../../shared/api/batchId.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import type { BatchName } from '../../shared/batches/batch.ts';
import type { EdgeContext } from '../problems.ts';
import { tenantOf } from '../tenant.ts';

export const unknownBatch = (id: string) =>
  refusal('unknown_batch', `there is no batch ${shorten(id)}`, pointerTo('id'));

/** The batch of the address. @throws FailureError `unknown_batch` for what can be no id */
export function batchNameOf(c: EdgeContext): BatchName {
  const id = c.req.param('id') ?? '';
  if (!BATCH_IDS.is(id)) throw unknownBatch(id);
  return { tenant: tenantOf(c), id };
}
