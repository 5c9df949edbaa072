/** What is said about a checkpoint file that cannot be read as one. */

/** A file is not a well-formed safetensors file; `tensor` is set where one entry is at fault. */
export class SafetensorsError extends Error {
  override readonly name = 'SafetensorsError';
  readonly file: string;
  readonly tensor: string | undefined;
  constructor(file: string, problem: string, tensor?: string, options?: ErrorOptions) {
    super(
      `${file}${tensor === undefined ? '' : `: tensor ${printable(tensor)}`}: ${problem}`,
      options,
    );
    this.file = file;
    this.tensor = tensor;
  }
}

const LONGEST_QUOTE = 200;

/** Text of a file as a message may quote it: no control characters, not megabytes of it. */
export function printable(text: string): string {
  const start = text.slice(0, LONGEST_QUOTE).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '?');
  return text.length > LONGEST_QUOTE ? `${start}...` : start;
}
