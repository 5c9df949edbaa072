/** What is asked of the fleet, and what it has to come to: computed before anything goes wrong. */
import { uniform } from '../bench/retrieve/vectors.ts';
import type { Callers } from './callers.ts';

export interface Wanted {
  readonly request: Readonly<Record<string, unknown>>;
  readonly outputs: string;
}

const LONG = ['depth', 'normal', 'semseg'].map((modality) => ({ modality, steps: 6 }));
/** Of all requests, those that take a second and not a moment. */
const LONG_SHARE = 0.2;

/** @param picture base64 of a picture */
export async function planWork(
  { compute }: Pick<Callers, 'compute'>,
  { count, seed, picture }: { count: number; seed: number; picture: string },
): Promise<Wanted[]> {
  const random = uniform(seed);
  const requests = Array.from({ length: count }, (_, index) => ({
    inputs: { rgb: { data: picture } },
    targets: random() < LONG_SHARE ? LONG : ['depth'],
    outputs: 'tokens',
    seed: seed * 1000 + index,
  }));
  const wanted: Wanted[] = [];
  for (const request of requests)
    wanted.push({ request, outputs: JSON.stringify(await compute(request)) });
  return wanted;
}
