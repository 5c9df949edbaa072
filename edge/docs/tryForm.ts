/** The fields of an operation that is tried, and what they say. */
import { type Body, type Example, filesIn } from '../examples/example.ts';
import { element } from '../playground/dom.ts';
import type { Tryable, TryableParameter } from './tryable.ts';

/** Names in capitals stand for what the reader has to put in. */
const isPlaceholder = (value: string): boolean => /^[A-Z]+(_[A-Z]+)*$/.test(value);

export interface Filled {
  readonly path: Readonly<Record<string, string>>;
  /** Steps of the path that are not filled in. */
  readonly missing: readonly string[];
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** What is wrong with the JSON. */
  readonly fault?: string;
  readonly files: ReadonlyMap<string, Blob>;
  /** Text that is sent as it stands. */
  readonly text?: string;
}

export interface TryForm {
  readonly node: HTMLElement;
  readonly read: () => Filled;
}

/** Pictures of the page that stand for files of these names. */
export type OwnFiles = ReadonlyMap<string, Blob>;

let count = 0;

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function labelled<T extends Control>(label: string, control: T, hint?: string): HTMLElement {
  count += 1;
  control.id = `field-${count}`;
  if (hint) control.setAttribute('aria-describedby', `${control.id}-hint`);
  return element(
    'p',
    { class: 'field' },
    element('label', { for: control.id }, label),
    control,
    hint && element('small', { id: `${control.id}-hint` }, hint),
  );
}

const choices = (values: readonly string[], chosen: string): HTMLSelectElement =>
  element(
    'select',
    {},
    ...values.map((value) =>
      element('option', { value, selected: value === chosen }, value || '-'),
    ),
  );

function controlOf({ in: place, name, values }: TryableParameter, example: Example) {
  const given =
    place === 'path'
      ? example.path?.[name]
      : place === 'query'
        ? example.query?.[name]
        : example.headers?.[name];
  if (values && place !== 'path') return choices(['', ...values], given ?? '');
  const shown = given !== undefined && !isPlaceholder(given);
  return element('input', {
    type: 'text',
    autocomplete: 'off',
    spellcheck: 'false',
    value: shown ? given : undefined,
    placeholder: shown ? undefined : given,
    required: place === 'path',
  });
}

/** A chooser of files for a name; the page's own picture stands for one that is not chosen. */
function fileField(name: string, own: Blob | undefined) {
  const input = element('input', { type: 'file' });
  const hint = own ? `A picture of this page stands for ${name} until you choose one.` : undefined;
  return {
    node: labelled(name, input, hint),
    read: (): Blob | undefined => input.files?.[0] ?? own,
  };
}

export function tryForm(operation: Tryable, example: Example, own: OwnFiles): TryForm {
  const parameters = operation.parameters.map((parameter) => {
    const control = controlOf(parameter, example);
    const node = labelled(`${parameter.name} (${parameter.in})`, control);
    return { ...parameter, control, node };
  });
  const { accepts } = operation;
  const accept =
    accepts.length > 1 ? choices(accepts, example.headers?.Accept ?? accepts[0] ?? '') : undefined;
  const body = example.body && element('textarea', { rows: 8, spellcheck: 'false' });
  if (body) body.value = JSON.stringify(example.body, null, 2);
  const text =
    example.file?.text === undefined
      ? undefined
      : element('textarea', { rows: 4, spellcheck: 'false' });
  if (text) text.value = example.file?.text ?? '';
  const names = text ? [] : example.file ? [example.file.name] : filesIn(example.body ?? {});
  const files = names.map((name) => ({
    name,
    ...fileField(name, own.get(name)),
  }));
  const fault = element('p', { class: 'fault', role: 'alert' });
  const node = element(
    'div',
    { class: 'fields' },
    ...parameters.map((parameter) => parameter.node),
    accept && labelled('Accept (header)', accept),
    body &&
      labelled(
        'Body',
        body,
        files.length > 0 ? '{"data": "@picture.png"} stands for the file chosen below.' : undefined,
      ),
    text && labelled(`${example.file?.name} (the body)`, text),
    ...files.map((file) => file.node),
    fault,
  );

  const valuesOf = (place: TryableParameter['in']): Record<string, string> =>
    Object.fromEntries(
      parameters.flatMap(({ in: own, name, control }) =>
        own === place && control.value !== '' ? [[name, control.value] as const] : [],
      ),
    );

  function readBody(): Pick<Filled, 'body' | 'fault'> {
    if (!body) return {};
    try {
      return { body: JSON.parse(body.value) as Body };
    } catch (error) {
      return { fault: `The body is not JSON: ${error instanceof Error ? error.message : error}` };
    }
  }

  return {
    node,
    read() {
      const path = valuesOf('path');
      const steps = parameters.filter(({ in: place }) => place === 'path');
      const said = readBody();
      fault.textContent = said.fault ?? '';
      body?.setAttribute('aria-invalid', String(said.fault !== undefined));
      return {
        path: Object.fromEntries(
          steps.map(({ name }) => [name, path[name] ?? example.path?.[name] ?? name]),
        ),
        missing: steps.flatMap(({ name }) => (path[name] === undefined ? [name] : [])),
        query: valuesOf('query'),
        headers: {
          ...valuesOf('header'),
          ...(accept && accept.value !== accepts[0] && { Accept: accept.value }),
        },
        ...said,
        files: new Map(
          files.flatMap(({ name, read }) => {
            const file = read();
            return file ? [[name, file] as const] : [];
          }),
        ),
        ...(text && { text: text.value }),
      };
    },
  };
}
