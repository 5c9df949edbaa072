/** The history under the results: a row of what was asked for, to open again or to forget. */
import { button, element } from './dom.ts';
import type { History, HistoryEntry } from './history.ts';

export interface HistoryStrip {
  readonly node: HTMLElement;
  refresh(): void;
}

export function createHistoryStrip(
  history: History,
  model: string,
  onOpen: (entry: HistoryEntry) => void,
): HistoryStrip {
  const list = element('ul', { class: 'history-list' });
  const clear = button('Forget all', () => {
    history.clear();
    refresh();
    heading.focus();
  });
  clear.classList.add('quiet');
  const heading = element('h2', { tabindex: -1 }, 'Earlier in this browser');
  const node = element(
    'section',
    { class: 'history', 'aria-label': 'History' },
    element('div', { class: 'command-head' }, heading, clear),
    list,
  );

  function row(entry: HistoryEntry): HTMLElement {
    const time = new Date(entry.at);
    const open = button('', () => onOpen(entry), 'history-open');
    open.append(
      element(
        'span',
        { class: 'thumbs', 'aria-hidden': 'true' },
        ...entry.previews.map((url) => element('img', { src: url, alt: '', class: 'pixelated' })),
      ),
      element('span', { class: 'history-title' }, entry.title),
      element('time', { class: 'hint', datetime: time.toISOString() }, time.toLocaleString()),
    );
    const forget = button('×', () => {
      history.remove(entry.id);
      refresh();
      heading.focus();
    });
    forget.setAttribute('aria-label', `Forget: ${entry.title}`);
    return element('li', {}, open, forget);
  }
  function refresh(): void {
    const entries = history.list(model);
    node.hidden = entries.length === 0;
    list.replaceChildren(...entries.map(row));
  }
  refresh();
  return { node, refresh };
}
