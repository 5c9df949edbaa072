/** The warning of a value that stays tokens, since nothing decodes it. */
export const missingDecoder = (modality: string, what: string): string =>
  `no tokenizer is loaded that decodes ${what} of ${modality}`;
