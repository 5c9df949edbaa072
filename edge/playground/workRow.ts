/** A row of the jobs view: how far a piece of work has come, what can be done with it, and more of it on demand. */
import { button, type Child, element } from './dom.ts';

export interface RowState {
  readonly status: string;
  /** Whether there is more to come of it. */
  readonly isOpen: boolean;
  /** Share that is done; undefined where it is not known. */
  readonly done: number | undefined;
  readonly details: readonly Child[];
  readonly links: readonly HTMLElement[];
  readonly canCancel: boolean;
}

export interface WorkRow {
  readonly node: HTMLElement;
  /** Shows how it stands now; what has the focus keeps it. */
  show(state: RowState): void;
  /** Opens what more there is of it. */
  open(): void;
  isOpen(): boolean;
}

export interface WorkRowOptions {
  readonly id: string;
  readonly title: string;
  readonly made: Date;
  /** What more there is of it. */
  readonly more: HTMLElement;
  readonly onCancel: () => void;
  readonly onToggle: (isOpen: boolean) => void;
}

const words = (status: string): string => status.replaceAll('_', ' ');

export function createWorkRow(options: WorkRowOptions): WorkRow {
  const { id, title, made, more, onCancel, onToggle } = options;
  const state = element('span', { class: 'state' });
  const cancel = button('Cancel', onCancel);
  cancel.setAttribute('aria-label', `Cancel ${title} ${id}`);
  const bar = element('progress', { 'aria-label': `Progress of ${title} ${id}`, max: 1 });
  const details = element('p', { class: 'hint' });
  const links = element('p', { class: 'work-links' });
  const summary = element('summary', {}, 'Details');
  const disclosure = element('details', { class: 'work-more' }, summary, more);
  disclosure.addEventListener('toggle', () => onToggle(disclosure.open));
  const node = element(
    'li',
    { 'data-id': id },
    element(
      'div',
      { class: 'work-head' },
      element('strong', {}, title),
      state,
      element('time', { datetime: made.toISOString() }, made.toLocaleString()),
      cancel,
    ),
    bar,
    details,
    links,
    disclosure,
  );
  let shown = '';
  return {
    node,
    isOpen: () => disclosure.open,
    open() {
      disclosure.open = true;
    },
    show(next) {
      state.className = `state state-${next.status}`;
      state.textContent = words(next.status);
      bar.hidden = !next.isOpen;
      if (next.done === undefined) bar.removeAttribute('value');
      else bar.value = next.done;
      const hadFocus = document.activeElement === cancel;
      cancel.hidden = !next.canCancel;
      if (hadFocus && cancel.hidden) summary.focus();
      details.replaceChildren(
        ...next.details.filter(
          (part): part is Node | string => part !== undefined && part !== false,
        ),
      );
      const named = next.links.map(({ textContent }) => textContent).join();
      if (named === shown && shown !== '') return;
      shown = named;
      links.replaceChildren(element('code', {}, id), ...next.links);
    },
  };
}
