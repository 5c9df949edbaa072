/** Every presentation of pictures and arrays. */
import type { Presentation, PresentationOf } from '../../shared/model/presentations.ts';
import { isTextual } from '../../shared/model/presentations.ts';
import { depth } from './depth.ts';
import { edge } from './edge.ts';
import { features } from './features.ts';
import { normal } from './normal.ts';
import type { GridPresentation } from './presentation.ts';
import { rgb } from './rgb.ts';
import { semseg } from './semseg.ts';
import { vector } from './vector.ts';

const GRIDS: Readonly<Record<PresentationOf<'picture' | 'array'>, GridPresentation>> = {
  rgb,
  depth,
  normal,
  semseg,
  edge,
  features,
  vector,
};

/** @throws Error for a presentation of texts, which no grid of tokens has */
export function gridPresentation(presentation: Presentation): GridPresentation {
  if (isTextual(presentation)) throw new Error(`a grid is not presented as ${presentation}`);
  return GRIDS[presentation];
}
