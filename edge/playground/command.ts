/** Code that does what the page does: a block for each language, with a button that copies it. */
import { button, element } from './dom.ts';

export interface Code {
  readonly title: string;
  readonly text: string;
}

/** Which language was looked at last, in this tab. */
let chosen = 0;

function copyButton(text: () => string, code: HTMLElement): HTMLButtonElement {
  const copy = button('Copy', () => {
    void navigator.clipboard
      .writeText(text())
      .then(() => {
        copy.textContent = 'Copied';
      })
      // Without permission (or over plain http) the text is selected, so that Ctrl+C takes it.
      .catch(() => {
        getSelection()?.selectAllChildren(code);
        copy.textContent = 'Selected: press Ctrl+C';
      })
      .finally(() => setTimeout(() => (copy.textContent = 'Copy'), 2000));
  });
  copy.setAttribute('aria-live', 'polite');
  return copy;
}

/** Replaces what `parent` shows; nothing for no code. */
export function showCode(parent: HTMLElement, codes: readonly Code[]): void {
  if (codes.length === 0) {
    parent.replaceChildren();
    return;
  }
  const code = element('code', { id: 'curl', class: 'curl' });
  const block = element('pre', { tabindex: 0, role: 'region' }, code);
  const current = (): Code | undefined => codes[chosen] ?? codes[0];
  const show = (): void => {
    const { title = '', text = '' } = current() ?? {};
    code.textContent = text;
    block.setAttribute('aria-label', `The request in ${title}`);
    for (const [index, choice] of choices.entries())
      choice.setAttribute('aria-pressed', String(codes[index] === current()));
  };
  const choices = codes.map(({ title }, index) =>
    button(
      title,
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
        element('h2', {}, 'The same in code'),
        choices.length > 1 &&
          element(
            'div',
            { class: 'languages', role: 'group', 'aria-label': 'Language' },
            ...choices,
          ),
        copy,
      ),
      block,
    ),
  );
}

/** One command of the shell. */
export const showCommand = (parent: HTMLElement, command: string | undefined): void =>
  showCode(parent, command === undefined ? [] : [{ title: 'curl', text: command }]);
