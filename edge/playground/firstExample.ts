/** What the first screen shows: a picture with everything that the demo model predicted from it. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import type { FormState } from './formState.ts';
import { EMPTY_STATE } from './formState.ts';
import type { Picture } from './given.ts';

/** An answer of the demo model, without the exact values. `npm run demo:pictures` writes it. */
export interface FirstExample {
  /** Name of the example picture. */
  readonly picture: string;
  readonly response: GenerateResponse;
}

/** Put in by build.mjs; null when the repository has none. */
declare const FIRST_EXAMPLE: FirstExample | null;

/** The example's answer with what is said of it, where this model gave it, be it as an earlier export. */
export function exampleAnswer({
  id,
  digest,
}: Model): { readonly response: GenerateResponse; readonly title: string } | undefined {
  const { response } = FIRST_EXAMPLE ?? {};
  if (response?.model.id !== id) return undefined;
  const who = response.model.digest === digest ? 'The model' : 'Another export of this model';
  return { response, title: `${who} made all of this from the one picture` };
}

/** The form with the example picture given, where the model takes pictures. */
export function exampleState({ modalities }: Model, examples: readonly Picture[]): FormState {
  const name = FIRST_EXAMPLE?.picture;
  const picture = examples.find((example) => example.name === name) ?? examples[0];
  const field = modalities.find(
    ({ presentation, input, accepts }) =>
      input && presentation === 'rgb' && accepts.includes('image'),
  );
  if (!picture || !field) return EMPTY_STATE;
  return { ...EMPTY_STATE, inputs: { [field.name]: { picture, hidden: [] } } };
}
