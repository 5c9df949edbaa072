/** Everything the model accepts: a picture and a caption in sight, the rest behind a disclosure. */
import type { GenerateRequestBody } from '../../shared/api/generate.ts';
import type { Modality } from '../../shared/api/models.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { element } from './dom.ts';
import { type Given, inputValueOf } from './given.ts';
import { titleOf } from './labels.ts';
import { type Picture, type PictureField, pictureField } from './pictureField.ts';
import { isShown } from './tabs.ts';
import { type TextField, textField } from './textField.ts';

export interface GivenInput {
  readonly name: string;
  readonly given: Given;
  /** As a request has it. */
  readonly value: GenerateRequestBody['inputs'][string];
}

export interface Inputs {
  read(): readonly GivenInput[];
  /** Gives one input, or takes it away; shows the field where it was out of sight. */
  give(name: string, given: Given | undefined): void;
  clear(): void;
  /** The field of an input, to go to. */
  focus(name: string): void;
  /** The given picture, on which boxes are drawn. */
  picture(): Picture | undefined;
  /** Shows a message at the field of `/inputs/NAME`; false when there is no such field. */
  setError(name: string, message: string): boolean;
  clearErrors(): void;
}

export interface InputsOptions {
  readonly modalities: readonly Modality[];
  readonly examples: readonly Picture[];
  readonly onChange: () => void;
  /** Called when something is typed, before `onChange`. */
  readonly onTyped: () => void;
}

type Field = { readonly modality: Modality } & (
  | { readonly kind: 'text'; readonly field: TextField }
  | { readonly kind: 'picture'; readonly field: PictureField }
);

/** Patches of a picture's side, as a picture and as its tokens; undefined where parts of it cannot be hidden. */
function sideOf(
  { presentation, patches, tokens }: Modality,
  { value }: Picture,
): number | undefined {
  const areTokens = value !== undefined && ('tokens' in value || 'ref' in value);
  const side = Math.sqrt(areTokens ? tokens : (patches ?? tokens));
  return traitsOf(presentation).hasPlaces && Number.isInteger(side) ? side : undefined;
}

/** Fields for the model's input modalities, appended to `parent`. */
export function createInputs(
  parent: HTMLElement,
  { modalities, examples, onChange, onTyped }: InputsOptions,
): Inputs {
  const main = element('div');
  const more = element('div', { class: 'more' });
  const isPrimary = ({ presentation, name }: Modality): boolean =>
    presentation === 'rgb' || name === 'caption';
  const fields = modalities
    .filter(({ input }) => input)
    .map((modality): Field => {
      const { name, accepts, presentation } = modality;
      // An array of numbers comes as tokens alone, or by a name.
      if (!accepts.includes('image')) {
        const field = textField(modality, () => {
          onTyped();
          onChange();
        });
        return { modality, kind: 'text', field };
      }
      const field = pictureField({
        id: name,
        title: name === 'rgb' ? 'Picture' : titleOf(name),
        examples: presentation === 'rgb' ? examples : [],
        sideOf: (picture) => sideOf(modality, picture),
        takesNames: true,
        onChange,
      });
      return { modality, kind: 'picture', field };
    });
  // The picture first: most begin with it.
  const ordered = [...fields].sort(
    (a, b) => Number(b.kind === 'picture') - Number(a.kind === 'picture'),
  );
  for (const { modality, field } of ordered) (isPrimary(modality) ? main : more).append(field.node);
  const disclosure = element(
    'details',
    {},
    element('summary', {}, 'More inputs'),
    element('p', { class: 'hint' }, 'Whatever is given here is a condition too.'),
    more,
  );
  parent.append(main);
  if (more.childElementCount > 0) parent.append(disclosure);
  const rgb = fields.find((field) => field.kind === 'picture' && isPrimary(field.modality));
  const primary = rgb?.kind === 'picture' ? rgb.field : undefined;

  // A picture pasted anywhere on the page is meant for the picture input; text goes where the cursor is.
  document.addEventListener('paste', (event) => {
    const file = event.clipboardData?.files[0];
    if (file && primary && isShown(primary.node)) {
      event.preventDefault();
      void primary.take(file);
    }
  });
  // A file that misses the drop zone would replace the page.
  for (const kind of ['dragover', 'drop'] as const) {
    document.addEventListener(kind, (event) => event.preventDefault());
  }

  const givenOf = (field: Field): Given | undefined => {
    if (field.kind === 'picture') return field.field.given();
    const text = field.field.text();
    return text === '' ? undefined : { text };
  };
  const valueIn = (field: Field, given: Given): GivenInput['value'] => {
    const side = 'picture' in given ? (sideOf(field.modality, given.picture) ?? 1) : 1;
    return inputValueOf(given, field.modality.accepts.includes('text'), side);
  };
  const set = (field: Field, given: Given | undefined): void => {
    if (field.kind === 'text') field.field.set(given && 'text' in given ? given.text : '');
    else if (given && 'picture' in given) field.field.set(given.picture, given.hidden);
    else field.field.set(undefined);
  };
  const find = (name: string): Field | undefined =>
    fields.find(({ modality }) => modality.name === name);

  return {
    read: () =>
      fields.flatMap((field) => {
        const given = givenOf(field);
        const { name } = field.modality;
        return given ? [{ name, given, value: valueIn(field, given) }] : [];
      }),
    give(name, given) {
      const field = find(name);
      if (!field) return;
      set(field, given);
      if (given && !isPrimary(field.modality)) disclosure.open = true;
      onChange();
    },
    clear() {
      // Those too that are empty as yet: a file for one may still be read.
      for (const field of fields) set(field, undefined);
      onChange();
    },
    focus(name) {
      const { node } = find(name)?.field ?? {};
      node?.querySelector<HTMLElement>('input, textarea')?.focus();
      node?.scrollIntoView({ block: 'center' });
    },
    picture: () => primary?.picture(),
    setError(name, message) {
      const field = find(name);
      field?.field.setError(message);
      return field !== undefined;
    },
    clearErrors() {
      for (const { field } of fields) field.setError('');
    },
  };
}
