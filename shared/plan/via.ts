/**
 * Targets that a model recommends to make on the way to another one when no picture is given: boxes, then a
 * layout, then the picture. A request that follows the recommendation is the request that names them all.
 */
import type { GenerateRequest } from '../api/generate.ts';
import type { Modality, Model } from '../api/models.ts';
import { findModality } from './names.ts';

export interface Recommended {
  /** The request with the further targets, each before the first target that asks for it. */
  readonly request: GenerateRequest;
  /** Target -> the further targets that were put before it, by public names; empty when there are none. */
  readonly via: Readonly<Record<string, readonly string[]>>;
}

/**
 * Puts the recommended targets before those that ask for them. What is given or asked for anyway is not
 * added. `chained: false` asks for targets that know nothing of each other, and a preset is a chain of its
 * own, so both stay as they are.
 */
export function followRecommended(request: GenerateRequest, model: Model): Recommended {
  const inputs = Object.keys(request.inputs).map((name) => findModality(model, name));
  const seesPicture = inputs.some((entry) => entry?.type === 'img');
  if (!request.chained || request.preset !== undefined || seesPicture) return { request, via: {} };
  const planned = new Set<Modality | undefined>([
    ...inputs,
    ...request.targets.map(({ modality }) => findModality(model, modality)),
  ]);
  const via: Record<string, readonly string[]> = {};
  const targets = request.targets.flatMap((target) => {
    const entry = findModality(model, target.modality);
    const wanted = entry?.recommended?.from_text?.via ?? [];
    const added = wanted.flatMap((name) => {
      const further = findModality(model, name);
      if (!further?.output || planned.has(further)) return [];
      planned.add(further);
      return [further.name];
    });
    if (entry && added.length > 0) via[entry.name] = added;
    return [...added.map((modality) => ({ modality })), target];
  });
  return { request: { ...request, targets }, via };
}
