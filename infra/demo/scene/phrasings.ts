/** Other ways to say what a caption says: either direction, sizes or none, articles or none. */
import { createRandom, type Random } from './random.ts';
import type { Scene, Solid } from './world.ts';

/** How many phrasings tell who stands left of whom, and how many leave it open. */
export const ORDERED_PHRASINGS = 6;
export const LOOSE_PHRASINGS = 2;

/** Metres along the view from which on one solid is called "in front of" another. */
const CLEARLY_NEARER = 0.5;

/** Keeps the counter of phrasings apart from that of the scene. */
const PHRASING_SALT = 0x51ab;

type Noun = (solid: Solid) => string;

function pick<T>(random: Random, values: readonly [T, ...T[]]): T {
  return values[random.integer(values.length)] ?? values[0];
}

/** Article and sizes are settled once, as a person writes one caption. */
function nouns(random: Random): Noun {
  const article = pick(random, ['a ', 'a ', 'a ', 'the ', '']);
  const sized = random.uniform(0, 1) < 0.35;
  return ({ size, colour, shape }) => `${article}${sized ? `${size} ` : ''}${colour} ${shape}`;
}

function shuffled<T>(random: Random, values: readonly T[]): T[] {
  const keyed = values.map((value) => ({ value, key: random.uniform(0, 1) }));
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value);
}

/** `a red box left of a blue cone`, or the same from the right. */
function ordered(scene: Scene, random: Random): string {
  const noun = nouns(random);
  if (random.uniform(0, 1) < 0.5) return scene.solids.map(noun).join(' left of ');
  return [...scene.solids].reverse().map(noun).join(' right of ');
}

/** `a red box and a blue cone`, in any order; `behind` and `in front of` where two stand so. */
function loose(scene: Scene, random: Random): string {
  const noun = nouns(random);
  const [first, second, ...others] = shuffled(random, scene.solids);
  if (first && second && others.length === 0 && Math.abs(first.y - second.y) > CLEARLY_NEARER) {
    const relation = first.y < second.y ? ' in front of ' : ' behind ';
    if (random.uniform(0, 1) < 0.5) return noun(first) + relation + noun(second);
  }
  const solids = [first, second, ...others].flatMap((solid) => (solid ? [noun(solid)] : []));
  if (random.uniform(0, 1) < 0.4 && solids.length === 3)
    return `${solids[0]}, ${solids[1]} and ${solids[2]}`;
  return solids.join(random.uniform(0, 1) < 0.25 ? ', ' : ' and ');
}

/**
 * Captions of a scene in free words; the same scene gives the same list.
 * @returns first `ORDERED_PHRASINGS` that fix the places, then `LOOSE_PHRASINGS` that do not
 */
export function phrasingsOf(scene: Scene): string[] {
  const random = createRandom(scene.seed ^ PHRASING_SALT);
  return [
    ...Array.from({ length: ORDERED_PHRASINGS }, () => ordered(scene, random)),
    ...Array.from({ length: LOOSE_PHRASINGS }, () => loose(scene, random)),
  ];
}
