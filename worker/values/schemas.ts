/**
 * JSON values of structured modalities as callers give them: the form in which they are answered. Messages
 * follow the name of the field.
 */
import * as z from 'zod';
import { MASK_IDS } from '../text/instances.ts';
import { METADATA_FIELDS } from '../text/metadata.ts';
import { POSE_IDS } from '../text/poses.ts';
import { PICTURE } from './instances.ts';

const fraction = z.number().min(0).max(1);
const corners = { xmin: fraction, ymin: fraction, xmax: fraction, ymax: fraction };
const hasInside = ({ xmin, ymin, xmax, ymax }: { [edge in keyof typeof corners]: number }) =>
  xmin <= xmax && ymin <= ymax;
const ORDERED = 'needs xmin <= xmax and ymin <= ymax';

/** `v0=` words and the like would be read as coordinates, brackets as gaps. */
const className = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^=[\]]*[^=[\]\s][^=[\]]*$/, 'needs a letter, and may have none of = [ ]');

export const boxesSchema = z
  .array(
    z
      .strictObject({ ...corners, class: className, score: fraction.optional() })
      .refine(hasInside, ORDERED),
  )
  .max(100);

export const paletteSchema = z
  .array(z.string().regex(/^#[0-9a-fA-F]{6}$/, 'must be written #rrggbb'))
  .min(1)
  .max(7);

export const metadataSchema = z
  .strictObject(
    Object.fromEntries(METADATA_FIELDS.map(({ name }) => [name, z.number().optional()])),
  )
  .transform((fields) =>
    Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value as number]],
      ),
    ),
  )
  .refine((fields) => Object.keys(fields).length > 0, 'needs at least one field');

const row = z.array(z.number()).length(3);
const matrix = z.array(row).length(3);
const ids = (count: number) => z.array(z.number().int().min(0).max(1023)).length(count);

export const posesSchema = z
  .array(
    z
      .strictObject({
        ...corners,
        global_orient: matrix,
        betas: z.array(z.number()).length(10),
        camera: row,
        /** Rotations of the joints; the tokens, where they are given too, count. */
        body_pose: z.array(matrix).min(1).max(64).optional(),
        pose_tokens: ids(POSE_IDS).optional(),
      })
      .refine(hasInside, ORDERED)
      .refine(
        ({ body_pose, pose_tokens }) => body_pose !== undefined || pose_tokens !== undefined,
        'needs body_pose or pose_tokens',
      ),
  )
  .max(20);
export type GivenPose = z.output<typeof posesSchema>[number];

const pixel = z.number().int().min(0);
const edge = pixel.max(PICTURE);
const runLengths = z.strictObject({
  size: z.tuple([z.literal(PICTURE), z.literal(PICTURE)]),
  counts: z
    .string()
    .min(1)
    .max(PICTURE * PICTURE),
});
const instance = z
  .strictObject({
    xmin: edge,
    ymin: edge,
    xmax: edge,
    ymax: edge,
    /** The tokens, where both are given, count. */
    mask_tokens: ids(MASK_IDS).optional(),
    segmentation: runLengths.optional(),
  })
  .refine(
    ({ mask_tokens, segmentation }) => mask_tokens !== undefined || segmentation !== undefined,
    'needs mask_tokens or a segmentation',
  )
  .refine(({ xmin, ymin, xmax, ymax }) => xmin < xmax && ymin < ymax, {
    message: 'needs xmin < xmax and ymin < ymax',
  });
export type GivenInstance = z.output<typeof instance>;
const point = pixel.max(PICTURE - 1);

/** What was found at each point; `instances`, which is made from it, is not read. */
export const instancesSchema = z.strictObject({
  points: z
    .array(
      z.strictObject({
        point: z.strictObject({ x: point, y: point }),
        instances: z.array(instance).max(20),
      }),
    )
    .min(1)
    .max(64),
  instances: z.unknown().optional(),
});

const caption = z.string().min(1).max(100_000);
export const captionsSchema = z.union([
  caption.transform((text) => [text]),
  z.array(caption).min(1).max(16),
]);

export const vectorSchema = z.array(z.number()).min(1).max(65_536);
