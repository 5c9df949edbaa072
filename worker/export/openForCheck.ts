/** The graphs of an export under way, loaded the way that fits their size. */
import type { GraphForm } from '../../shared/model/graphForms.ts';
import { type Manifest, manifestSchema } from '../../shared/model/manifest.ts';
import { loadModel } from '../session/loadModels.ts';
import { openParts } from '../session/parts.ts';
import type { Runtime } from '../session/runtime.ts';
import type { GraphSession } from '../session/types.ts';
import type { Graphs } from './graphs.ts';

/** Weights of more bytes than these are not loaded as a whole. */
const WHOLE_BYTES = 1e9;
/** Bytes of weights in memory at once otherwise. */
const PART_BYTES = 256e6;

export const isLarge = (weightBytes: number): boolean => weightBytes > WHOLE_BYTES;

/**
 * Sessions of all graphs of an exported folder. A model of moderate size is loaded as a worker loads it,
 * with all its checks; a larger one is run in parts, which gives the same outputs within bounded memory.
 * @param folder holds `model.json`, the graphs and the weights
 * @param form of `graphs`
 */
export async function openForCheck(
  runtime: Runtime,
  folder: string,
  graphs: Graphs,
  weightBytes: number,
  form: GraphForm,
): Promise<Readonly<Record<string, GraphSession>>> {
  if (!isLarge(weightBytes))
    return (await loadModel<Manifest>(runtime, folder, '.', manifestSchema, { form })).graphs;
  // What `generate` and `write` compute is in the other two; their loops cannot be taken apart.
  return Object.fromEntries(
    Object.entries(graphs)
      .filter(([name]) => name !== 'generate' && name !== 'write')
      .map(([name, graph]) => [name, openParts(runtime, folder, graph.content(), PART_BYTES)]),
  );
}
