/** Which targets are ticked by themselves: words ask for a picture, a picture asks for everything else. */
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';

/** What is given, by the names of modalities. */
export interface GivenNames {
  readonly names: readonly string[];
  /** Inputs of which a part is hidden. */
  readonly partly: readonly string[];
}

/** @returns names of targets in the model's order; all of them for a model that paints nothing */
export function suggestTargets(
  modalities: readonly Modality[],
  { names, partly }: GivenNames,
): string[] {
  const outputs = modalities.filter(({ output }) => output);
  const given = modalities.filter(({ name }) => names.includes(name));
  const hasPicture = given.some(({ presentation }) => traitsOf(presentation).hasPlaces);
  const painted = outputs.filter(({ presentation }) => presentation === 'rgb');
  // A picture with a hole asks for what was there, and nothing else takes its time.
  const completed = outputs.filter(({ name }) => partly.includes(name));
  if (completed.length > 0) return completed.map(({ name }) => name);
  if (!hasPicture && given.length > 0 && painted.length > 0)
    return painted.slice(0, 1).map(({ name }) => name);
  return outputs.map(({ name }) => name).filter((name) => !names.includes(name));
}
