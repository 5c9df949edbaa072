/** A scheduler of its own for one asker: for comparisons, checks and benches, where nobody else asks. */
import type { FmManifest } from '../../shared/model/manifest.ts';
import type { RunRequests } from '../engine/forward.ts';
import type { GraphSession } from '../session/types.ts';
import { createScheduler } from './scheduler.ts';

/**
 * @param manifest the FM's
 * @param graph its `generate`
 * @param writer its `write`, where it has one
 */
export const fusedRunner = (
  manifest: FmManifest,
  graph: GraphSession,
  writer?: GraphSession,
): RunRequests => createScheduler(manifest, graph, { writer }).join().run;
