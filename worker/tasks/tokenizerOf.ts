/** Which loaded tokenizer stands behind a modality. */
import type { LoadedInputs, LoadedTokenizer } from '../session/types.ts';

/** The tokenizer of a modality; undefined where it has none or none is loaded. */
export const tokenizerOf = (modality: string, loaded: LoadedInputs): LoadedTokenizer | undefined =>
  loaded.tokenizers[loaded.fm.modalities[modality]?.tokenizer ?? ''];
