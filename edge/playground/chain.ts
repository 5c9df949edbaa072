/** An output as an input: the tokens themselves, so that nothing is lost on the way. */
import type { Output } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import type { Given, NamedValue } from './given.ts';
import { titleOf } from './labels.ts';

/** Texts go as text, JSON as JSON; of a picture its reference where it was kept, and otherwise its tokens. */
export function givenFrom({ name, accepts, presentation }: Modality, output: Output): Given {
  const { tokens, ref, image, text, value } = output;
  if (!accepts.includes('image')) {
    const { isStructured, kind } = traitsOf(presentation);
    if (kind === 'text' && accepts.includes('text') && text !== undefined)
      return { text: isStructured && value !== undefined ? JSON.stringify(value) : text };
    return { text: ref ?? tokens.join(', ') };
  }
  const named: NamedValue = ref === undefined ? { tokens } : { ref };
  const picture = {
    name: `${titleOf(name)}, made here`,
    url: image ?? '',
    ...(accepts.includes('tokens') && { value: named }),
  };
  return { picture, hidden: [] };
}
