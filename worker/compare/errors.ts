/** The case or the model cannot be compared at all; the message names the file or tensor and what is wrong. */
export class CompareError extends Error {
  override readonly name = 'CompareError';
}
