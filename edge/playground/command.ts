/** The curl command as shown: a block of code with a button that copies it. */
import { button, element } from './dom.ts';

/** Replaces what `parent` shows; nothing for undefined. */
export function showCommand(parent: HTMLElement, command: string | undefined): void {
  if (command === undefined) {
    parent.replaceChildren();
    return;
  }
  const code = element('code', { id: 'curl', class: 'curl' }, command);
  const block = element('pre', { tabindex: 0, 'aria-label': 'curl command' }, code);
  const copy = button('Copy', () => {
    void navigator.clipboard
      .writeText(command)
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
  const heading = element('h2', {}, 'The same from a terminal');
  parent.replaceChildren(
    element(
      'div',
      { class: 'command' },
      element('div', { class: 'command-head' }, heading, copy),
      block,
    ),
  );
}
