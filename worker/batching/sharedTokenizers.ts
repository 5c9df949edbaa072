/** Tokenizers whose graphs answer several callers in one run. */
import type { LoadedTokenizer } from '../session/types.ts';
import { sharedRuns } from './sharedRuns.ts';

function shared(tokenizer: LoadedTokenizer): LoadedTokenizer {
  const encoder = sharedRuns(tokenizer.encoder);
  if (tokenizer.kind === 'encoder') return { ...tokenizer, encoder };
  if (tokenizer.kind === 'vqvae')
    return { ...tokenizer, encoder, decoder: sharedRuns(tokenizer.decoder) };
  // A denoiser takes part in many steps of its own, and its memory grows with its rows.
  return { ...tokenizer, encoder, codebook: sharedRuns(tokenizer.codebook) };
}

export const sharedTokenizers = (
  tokenizers: Readonly<Record<string, LoadedTokenizer>>,
): Record<string, LoadedTokenizer> =>
  Object.fromEntries(
    Object.entries(tokenizers).map(([stem, tokenizer]) => [stem, shared(tokenizer)]),
  );
