/** Requests about tokens alone, against a model's description. */
import type { Model } from '../api/models.ts';
import { pointerBelow, pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import type { DetokenizeRequest } from '../api/tokens.ts';
import { findModality, isPixels } from './names.ts';
import { checkTokens, rangeOf } from './tokenRange.ts';

export interface TokensToDecode {
  readonly name: string;
  /** The model's own name. */
  readonly modality: string;
  readonly tokens: readonly number[];
}

/** @throws FailureError for a modality the model does not know, or tokens that do not fit it */
export function checkDetokenize(request: DetokenizeRequest, model: Model): TokensToDecode[] {
  return Object.entries(request.tokens).map(([name, given]) => {
    const at = pointerTo('tokens', name);
    const entry = findModality(model, name);
    const modality = entry?.modalities.includes(name)
      ? name
      : entry?.modalities.find((own) => !isPixels(entry, own));
    if (!entry || modality === undefined || isPixels(entry, modality) || entry.type === 'seq_emb') {
      const tokenized = model.modalities.filter(({ vocabulary }) => vocabulary !== null);
      const detail = `${name} has no tokens in ${model.id}; ${tokenized.map((own) => own.name).join(', ')} have`;
      throw refusal('unknown_modality', detail, at);
    }
    if ('ref' in given)
      throw refusal('unknown_ref', `${given.ref} is not kept here`, pointerBelow(at, 'ref'));
    const { tokens } = given;
    checkTokens(tokens, { ...rangeOf(entry), name }, pointerBelow(at, 'tokens'));
    return { name, modality, tokens };
  });
}
