/** The views of the page, one at a time: the part behind `#` of the address names the one that is shown. */
import { element } from './dom.ts';

export interface View {
  /** As the address has it. */
  readonly name: string;
  readonly title: string;
  readonly place: HTMLElement;
  /** Called when it is first shown: what nobody looks at asks the server nothing. */
  readonly open?: () => void;
}

/** Whether an element belongs to the view that is shown, so that keys and pasted files are meant for it. */
export const isShown = (node: Element): boolean => node.closest('[hidden]') === null;

/** Fills the bar with a link for each view, and shows the one that the address names, or the first. */
export function startTabs(bar: HTMLElement, views: readonly View[]): void {
  const opened = new Set<View>();
  const links = views.map(({ name, title }) => element('a', { href: `#${name}` }, title));
  const show = (): void => {
    const named = location.hash.slice(1);
    const shown = views.find(({ name }) => name === named) ?? views[0];
    for (const [index, view] of views.entries()) {
      view.place.hidden = view !== shown;
      if (view === shown) links[index]?.setAttribute('aria-current', 'page');
      else links[index]?.removeAttribute('aria-current');
    }
    if (!shown || opened.has(shown)) return;
    opened.add(shown);
    shown.open?.();
  };
  bar.replaceChildren(...links);
  bar.hidden = views.length < 2;
  addEventListener('hashchange', show);
  show();
}
