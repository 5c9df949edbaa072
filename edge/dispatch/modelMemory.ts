/** The models that workers had loaded last, in the store: for an edge that starts while none answers. */
import { modelsResponseSchema } from '../../shared/api/models.ts';
import { readStored, writeStored } from '../../shared/results/stored.ts';
import type { Store } from '../../shared/store/store.ts';
import type { ModelMemory } from './listings.ts';

const KEY = 'state/models.json';

export const createModelMemory = (store: Store): ModelMemory => ({
  async read() {
    const found = await readStored(store, KEY, modelsResponseSchema);
    return found.state === 'found' ? found.value.models : undefined;
  },
  async write(models) {
    await writeStored(store, KEY, { models });
  },
});
