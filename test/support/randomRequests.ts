/** Requests of random settings to the fake model. */

import fc from 'fast-check';
import { NO_FILTERS } from '../../shared/plan/filters.ts';
import { tokenCounts } from '../../shared/schedule.ts';
import type { Forward } from '../../worker/engine/forward.ts';
import {
  type Generated,
  type GenerationPlan,
  generateTargets,
} from '../../worker/engine/generate.ts';
import {
  fullRows,
  fullTokens,
  type TokenState,
  type VisibleTokens,
} from '../../worker/engine/tokenState.ts';
import { FAKE_MODALITIES } from './arrayModel.ts';
import { fakeEngine, planned } from './engineRun.ts';

/** A random request to the fake model: inputs, targets with any scheme and guidance, chained or not. */
export const randomRequests = fc.record({
  seed: fc.integer({ min: 0, max: 9 }),
  samples: fc.integer({ min: 1, max: 2 }),
  note: fc.array(fc.constantFrom(1, 2, 10, 11), { maxLength: 4 }),
  vectors: fc.option(fc.integer({ min: 1, max: 3 })),
  given: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 15 }), { maxLength: 16 })),
  chained: fc.boolean(),
  targets: fc.uniqueArray(
    fc.record({
      modality: fc.constantFrom('caption', 'depth', 'normal', 'dot'),
      scheme: fc.constantFrom('roar', 'maskgit'),
      steps: fc.integer({ min: 1, max: 5 }),
      kind: fc.constantFrom('cosine', 'linear'),
      temperature: fc.constantFrom(0, 0.5, 1),
      filters: fc
        .record({ topK: fc.constantFrom(0, 3, 0.5), topP: fc.constantFrom(0, 0.7) })
        .map((filters) => ({ ...NO_FILTERS, ...filters })),
      scale: fc.constantFrom(1, 2, 0, -1.5),
      weights: fc.option(fc.constantFrom({ note: 2, depth: -1 }, { note: 1 }, { vectors: 0 })),
      maxTokens: fc.integer({ min: 1, max: 40 }),
    }),
    { minLength: 1, maxLength: 3, selector: ({ modality }) => modality },
  ),
});
export type RandomRequest = typeof randomRequests extends fc.Arbitrary<infer T> ? T : never;

/** Its plan and its inputs. */
export function planOf(request: RandomRequest): { plan: GenerationPlan; state: TokenState } {
  const state = new Map<string, VisibleTokens>();
  if (request.note.length > 0) state.set('note', fullTokens(request.note));
  if (request.vectors) {
    const rows = Float32Array.from({ length: 3 * request.vectors }, (_, i) => request.seed + i);
    state.set('vectors', fullRows(rows, 3));
  }
  if (request.given?.length) {
    const positions = request.given.toSorted((a, b) => a - b);
    const ids = positions.map((position) => (position * 7) % 12);
    state.set('depth', { positions, content: { kind: 'ids', ids } });
  }
  const targets = request.targets.map(
    ({ modality, scheme, steps, kind, scale, weights, ...own }) => {
      const sequence = FAKE_MODALITIES[modality]!.type === 'seq';
      const known = state.get(modality)?.positions.length ?? 0;
      const counts = tokenCounts(kind, steps, FAKE_MODALITIES[modality]!.max_tokens - known);
      return planned(modality, {
        ...own,
        guidanceScale: scale,
        ...(weights && { guidance: weights as Record<string, number> }),
        ...(!sequence && { scheme, counts }),
      });
    },
  );
  const plan: GenerationPlan = {
    targets,
    chained: request.chained,
    conditioning: [...state.keys()],
  };
  return { plan, state };
}

/** Its generations, not yet run. */
export function generationsOf(request: RandomRequest): Forward<Generated>[] {
  const { plan, state } = planOf(request);
  return Array.from({ length: request.samples }, (_, sample) =>
    generateTargets(fakeEngine(request.seed, sample), plan, state),
  ).flat();
}
