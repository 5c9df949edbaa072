/** Grey pictures of 16 bits where 8 are read: Pillow, and so the published code, makes most of them white. */
import { type Presentation, traitsOf } from '../../shared/model/presentations.ts';
import type { Picture } from '../image/inspect.ts';
import type { Reading } from './reading.ts';

/** Warns where `decodePicture` would clip. */
export function warnOfClipping(
  { sixteenBit, channels }: Picture,
  presentation: Presentation,
  at: string,
  reading: Reading,
): void {
  if (!sixteenBit || channels > 1 || traitsOf(presentation).readsSixteenBits) return;
  const detail =
    'the picture is grey with 16 bits, of which values above 255 count as white, as in the published code; ' +
    'send it with 8 bits';
  reading.warn({ code: 'clipped_values', detail, pointer: at });
}
