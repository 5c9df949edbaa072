/**
 * Text formats of the structured sequence modalities: what a generated text means, and how a value is
 * written. Generated text may be malformed; it is then read as far as it goes, with a warning.
 */
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { parseBoxes } from './boxes.ts';
import { parseInstances } from './instances.ts';
import { parseMetadata } from './metadata.ts';
import { parsePalette } from './palette.ts';
import { parsePoses } from './poses.ts';
import type { ParsedText } from './words.ts';

/** What a generated text of a modality means. Never throws. */
export function parseText(text: string, info: ModalityInfo): ParsedText {
  switch (info.presentation) {
    case 'boxes':
      return parseBoxes(text, info.coord_bins);
    case 'palette':
      return parsePalette(text, info.coord_bins);
    case 'metadata':
      return parseMetadata(text);
    case 'poses':
      return parsePoses(text);
    case 'instances':
      return parseInstances(text);
    default:
      return { warnings: [] };
  }
}
