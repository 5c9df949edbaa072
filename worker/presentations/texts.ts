/** Every presentation of texts. */
import {
  isTextual,
  type Presentation,
  type PresentationOf,
} from '../../shared/model/presentations.ts';
import { boxes } from './boxes.ts';
import { instances } from './instances.ts';
import { metadata } from './metadata.ts';
import { palette } from './palette.ts';
import { poses } from './poses.ts';
import type { TextPresentation } from './presentation.ts';
import { text } from './text.ts';

const TEXTS: Readonly<Record<PresentationOf<'text'>, TextPresentation>> = {
  text,
  boxes,
  palette,
  metadata,
  poses,
  instances,
};

/** @throws Error for a presentation of pictures or arrays, which no sequence has */
export function textPresentation(presentation: Presentation): TextPresentation {
  if (isTextual(presentation)) return TEXTS[presentation];
  throw new Error(`a sequence is not presented as ${presentation}`);
}
