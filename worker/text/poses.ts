/**
 * Human poses: `human`, a box, and four groups in any order: 8 ids of the body pose, the rotation of the
 * whole body, the camera and the shape; 39 words a person.
 */
import { itemAt } from '../../shared/lookup.ts';
import { roundHalfEven } from '../../shared/rounding.ts';
import { CORNERS, type Corners, cornerWords } from './boxes.ts';
import { anyValue, counted, idOfWord, idWord, type Parsed, splitAt, wordsOf } from './words.ts';

/** A person as the text holds it: the body pose is tokens. */
export interface PoseTokens extends Corners {
  /** Rotation of the body, row-major (3, 3). */
  readonly global_orient: readonly number[];
  /** SMPL shape, 10 numbers from -3 to 3. */
  readonly betas: readonly number[];
  /** Scale and two shifts of a weak-perspective camera, -1 to 19. */
  readonly camera: readonly number[];
  /** 8 ids of the pose tokenizer. */
  readonly pose_tokens: readonly number[];
}

export const POSE_IDS = 8;
/** Ids of the published pose tokenizer. */
const CODES = 1024;
/** Coordinates have a thousand values. */
const BINS = 1000;

/** Stored number = value * scale + zero, rounded. */
const GROUPS = {
  global: { count: 9, scale: 499.5, zero: 499.5 },
  camera: { count: 3, scale: 49.95, zero: 49.95 },
  shape: { count: 10, scale: 166.5, zero: 499.5 },
} as const;
type Group = keyof typeof GROUPS;
const isGroup = (word: string): word is Group => Object.hasOwn(GROUPS, word);

const write = (group: Group, values: readonly number[]): string[] => {
  const { scale, zero } = GROUPS[group];
  const stored = values.map((value) => roundHalfEven(value * scale + zero));
  return [group, ...stored.map((number) => `v0=${Math.min(Math.max(number, 0), BINS - 1)}`)];
};

/** Persons one after the other, `none` for nobody. */
export function formatPoses(people: readonly PoseTokens[]): string {
  if (people.length === 0) return 'none';
  const words = people.flatMap((person) => [
    'human',
    ...cornerWords(person, BINS),
    'pose',
    ...person.pose_tokens.map(idWord),
    ...write('global', person.global_orient),
    ...write('camera', person.camera),
    ...write('shape', person.betas),
  ]);
  return words.join(' ');
}

/** All of the values, or undefined where one is missing. */
function complete(words: readonly string[], read: (word: string) => number | undefined) {
  const values = words.map(read);
  return values.every((value) => value !== undefined) ? (values as number[]) : undefined;
}

/** @param words what follows `human` */
function personOf(words: readonly string[]): PoseTokens | undefined {
  const corners = complete(words.slice(0, 4), anyValue);
  if (corners?.length !== 4) return undefined;
  const found: Partial<Record<Group | 'pose', number[]>> = {};
  let at = 4;
  while (at < words.length) {
    const name = itemAt(words, at, 'the words');
    const isPose = name === 'pose';
    if ((!isPose && !isGroup(name)) || found[name]) return undefined;
    const count = isPose ? POSE_IDS : GROUPS[name].count;
    const values = complete(words.slice(at + 1, at + 1 + count), isPose ? idOfWord : anyValue);
    if (values?.length !== count) return undefined;
    found[name] = isPose ? values : values.map((v) => (v - GROUPS[name].zero) / GROUPS[name].scale);
    at += 1 + count;
  }
  const { pose, global, camera, shape } = found;
  if (!pose || !global || !camera || !shape || pose.some((id) => id >= CODES)) return undefined;
  const box = Object.fromEntries(
    CORNERS.map((name, i) => [name, itemAt(corners, i, 'the corners') / (BINS - 1)]),
  );
  return {
    ...(box as unknown as Corners),
    global_orient: global,
    betas: shape,
    camera,
    pose_tokens: pose,
  };
}

/** A person counts when its box and all four groups are complete. */
export function parsePoses(text: string): Parsed<PoseTokens[]> {
  const words = wordsOf(text);
  if (words.length === 1 && words[0] === 'none') return { value: [], warnings: [] };
  const starts = words.filter((word) => word === 'human').length;
  const first = words.indexOf('human');
  const groups = first < 0 ? [] : splitAt(words.slice(first), 'human');
  const value = groups.flatMap((group) => personOf(group) ?? []);
  const stray = first < 0 ? words.length : first;
  const dropped = starts - value.length;
  const warnings = [
    ...(dropped > 0 ? [`${counted(dropped, 'incomplete person')} left out`] : []),
    ...(stray > 0 ? [`${counted(stray, 'word')} outside the format, left out`] : []),
  ];
  return { value, warnings };
}
