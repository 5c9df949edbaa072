/** `DELETE /v1/results/{id}`: a stored result of the tenant is forgotten. */
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { shorten } from '../../shared/api/shorten.ts';
import { whileStoreWorks } from '../../shared/api/storeFailure.ts';
import { resultKey } from '../../shared/results/results.ts';
import { SHARED_SCOPE } from '../../shared/results/scope.ts';
import type { EdgeContext } from '../problems.ts';
import type { Services } from '../services.ts';
import { tenantOf } from '../tenant.ts';

export function createDeleteResultRoute(services: Services) {
  const { store, keptFor, log, unwritten } = services;
  return async (c: EdgeContext): Promise<Response> => {
    const id = c.req.param('id') ?? '';
    const { scope } = keptFor(tenantOf(c));
    if (scope === SHARED_SCOPE) {
      const detail = 'results are shared by all tenants here, so none of them can delete one';
      throw refusal('shared_result', detail);
    }
    const unknown = () =>
      refusal('unknown_result', `no result ${shorten(id)} is stored`, pointerTo('id'));
    if (!/^[0-9a-f]{64}$/.test(id)) throw unknown();
    const key = resultKey({ scope, id });
    await unwritten.settle({ scope, id });
    const wasHeld = unwritten.forget({ scope, id });
    await whileStoreWorks(log, 'results cannot be deleted', async () => {
      if ((await store.look(key)).state === 'absent' && !wasHeld) throw unknown();
      await store.delete(key);
    });
    return c.json({ deleted: true });
  };
}
