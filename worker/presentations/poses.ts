/** Human poses: a list of people, whose bodies are ids within the text. */
import { pointerBelow } from '../../shared/api/pointer.ts';
import { itemAt } from '../../shared/lookup.ts';
import { formatPoses, type PoseTokens, parsePoses } from '../text/poses.ts';
import { counted, special } from '../text/words.ts';
import { type GivenPose, posesSchema } from '../values/schemas.ts';
import { checked } from './checked.ts';
import { missingDecoder } from './missing.ts';
import type { Codec, TextPresentation } from './presentation.ts';

/** Words that are no numbers. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'none',
  'human',
  'pose',
  'global',
  'camera',
  'shape',
]);

/** A body pose as tokens: those given, or what the tokenizer makes of the rotations. */
async function poseTokens(
  { global_orient, body_pose, pose_tokens, ...rest }: GivenPose,
  codec: Codec,
  at: string,
): Promise<PoseTokens> {
  const rotations = (body_pose ?? []).flat(2);
  const tokens =
    pose_tokens ?? (await codec.encodeVector(rotations, pointerBelow(at, 'body_pose')));
  return { ...rest, global_orient: global_orient.flat(), pose_tokens: tokens };
}

type Matrix = readonly (readonly number[])[];

/** Splits row-major values into matrices (3, 3). */
const matrices = (values: ArrayLike<number>): Matrix[] =>
  Array.from({ length: Math.floor(values.length / 9) }, (_, matrix) =>
    [0, 3, 6].map((row) =>
      [0, 1, 2].map((column) => itemAt(values, matrix * 9 + row + column, 'rotations')),
    ),
  );

export const poses: TextPresentation = {
  async write(value, { codec, at }) {
    const people: PoseTokens[] = [];
    for (const [index, person] of checked(posesSchema, value, at).entries())
      people.push(await poseTokens(person, codec, pointerBelow(at, index)));
    return [formatPoses(people)];
  },
  form: {
    said:
      'none, or for each person: human v0=XMIN v1=YMIN v2=XMAX v3=YMAX, then the groups pose, global, ' +
      'camera and shape',
    begins: (word) => word === 'human' || word === 'none',
    hasWord: (word) => KEYWORDS.has(word) || special(word) !== undefined,
    fits: (text) => parsePoses(text).warnings.length === 0,
  },
  /** SMPL parameters: rotations of the body and, where their tokenizer is loaded, of its joints. */
  async show(text, { modality, codec }) {
    const { value: people, warnings } = parsePoses(text);
    const decodable = people.filter(({ pose_tokens }) =>
      pose_tokens.every((id) => id < codec.size),
    );
    const decoded = await codec.decode(decodable.map(({ pose_tokens }) => pose_tokens));
    const bodies = new Map<PoseTokens, Matrix[]>();
    for (const [i, { data }] of (decoded ?? []).entries())
      bodies.set(itemAt(decodable, i, 'the people'), matrices(data));
    const value = people.map((person) => {
      const { global_orient, ...rest } = person;
      const [orient] = matrices(global_orient);
      const body_pose = bodies.get(person);
      return { ...rest, global_orient: orient, ...(body_pose && { body_pose }) };
    });
    const unknown = people.length - decodable.length;
    return {
      value,
      warnings: [
        ...warnings,
        ...(decoded || people.length === 0 ? [] : [missingDecoder(modality, 'body poses')]),
        ...(decoded && unknown > 0
          ? [`${counted(unknown, 'body pose')} with tokens that do not exist`]
          : []),
      ],
    };
  },
};
