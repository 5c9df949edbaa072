/** Code that does what the page does: a block for each language, with a button that copies it. */
import type { ExampleRequest } from '../examples/example.ts';
import { LANGUAGES } from '../examples/snippets.ts';
import { button, element } from './dom.ts';
import { storedKey } from './key.ts';

interface Code {
  readonly title: string;
  readonly text: string;
}

/** What is said of a request; the rest is as most have it. */
export type ShownRequest = Pick<ExampleRequest, 'method' | 'path'> & Partial<ExampleRequest>;

/** Which language was looked at last, in this tab. */
let chosen = 0;

function copyButton(text: () => string, code: HTMLElement): HTMLButtonElement {
  const copy = button('Copy', () => {
    // Asked within: over plain http there is no clipboard at all.
    void (async () => await navigator.clipboard.writeText(text()))()
      .then(() => {
        copy.textContent = 'Copied';
      })
      // Without permission the text is selected, so that Ctrl+C takes it.
      .catch(() => {
        getSelection()?.selectAllChildren(code);
        copy.textContent = 'Selected: press Ctrl+C';
      })
      .finally(() => setTimeout(() => (copy.textContent = 'Copy'), 2000));
  });
  copy.setAttribute('aria-live', 'polite');
  return copy;
}

/** Replaces what `parent` shows by programs that ask what the page has asked. */
export function showExample(
  parent: HTMLElement,
  request: ShownRequest,
  title = 'The same in code',
): void {
  const whole: ExampleRequest = {
    origin: location.origin,
    needsKey: storedKey() !== undefined,
    ...{ headers: {}, answer: 'json', steps: {} },
    ...request,
  };
  const codes = LANGUAGES.map(({ name, write }): Code => ({ title: name, text: write(whole) }));
  const code = element('code', { class: 'shown-code' });
  const block = element('pre', { tabindex: 0, role: 'region' }, code);
  const current = (): Code | undefined => codes[chosen] ?? codes[0];
  const show = (): void => {
    const { title: language = '', text = '' } = current() ?? {};
    code.textContent = text;
    block.setAttribute('aria-label', `The request in ${language}`);
    for (const [index, choice] of choices.entries())
      choice.setAttribute('aria-pressed', String(codes[index] === current()));
  };
  const choices = codes.map(({ title: language }, index) =>
    button(
      language,
      () => {
        chosen = index;
        show();
      },
      'quiet',
    ),
  );
  const copy = copyButton(() => current()?.text ?? '', code);
  show();
  parent.replaceChildren(
    element(
      'div',
      { class: 'command' },
      element(
        'div',
        { class: 'command-head' },
        element('h2', {}, title),
        element('div', { class: 'languages', role: 'group', 'aria-label': 'Language' }, ...choices),
        copy,
      ),
      block,
    ),
  );
}
