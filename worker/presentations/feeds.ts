/** Feeds that several presentations make. */

import { present } from '../../shared/lookup.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { roundHalfEven } from '../../shared/rounding.ts';
import type { Feed } from './presentation.ts';

/** Side of the picture that a modality's grid lies over, in pixels. */
export const sideOf = ({ input_size }: ModalityInfo): number =>
  present(input_size, 'the input_size of a grid');

/** Where the centre square begins, the same as for pictures. */
export const halves = (rest: number): number => roundHalfEven(rest / 2);

/** @param data (channels, size, size) */
export const planesFeed = (data: Float32Array, channels: number, size: number): Feed => ({
  pixels: { type: 'float32', dims: [1, channels, size, size], data },
});
