/**
 * The views of the page, one at a time: the part behind `#` of the address names the one that is shown, and behind a
 * `?` what it shows.
 */
import { element } from './dom.ts';

export interface View {
  /** As the address has it. */
  readonly name: string;
  readonly title: string;
  readonly place: HTMLElement;
  /** Called when it is first shown: what nobody looks at asks the server nothing. */
  readonly open?: () => void;
  /** Whether its link is only there once it is revealed. */
  readonly isHidden?: boolean;
}

export interface Tabs {
  /** Shows the link of a view that was hidden. */
  reveal(name: string): void;
}

/** Whether an element belongs to the view that is shown, so that keys and pasted files are meant for it. */
export const isShown = (node: Element): boolean => node.closest('[hidden]') === null;

const parts = (): readonly [string, string] => {
  const [, view = '', link = ''] = /^#?([^?]*)\??(.*)$/s.exec(location.hash) ?? [];
  return [view, link];
};

/** What the address says of a view; empty where it says nothing, or names another one. */
export function linkOfView(name: string): string {
  const [view, link] = parts();
  return view === name ? link : '';
}

/** Puts what a view shows into the address, where that view is shown. */
export function writeAddress(name: string, link: string): void {
  const [view] = parts();
  if (view !== name && view !== '') return;
  const hash = link === '' && view === '' ? '' : `#${name}${link === '' ? '' : `?${link}`}`;
  if (hash === location.hash) return;
  history.replaceState(history.state, '', `${location.pathname}${location.search}${hash}`);
}

/** Fills the bar with a link for each view, and shows the one that the address names, or the first. */
export function startTabs(bar: HTMLElement, views: readonly View[]): Tabs {
  const opened = new Set<View>();
  const links = views.map(({ name, title, isHidden }) =>
    element('a', { href: `#${name}`, hidden: isHidden }, title),
  );
  const show = (): void => {
    const [named] = parts();
    const shown = views.find(({ name }) => name === named) ?? views[0];
    document.documentElement.dataset.view = shown?.name ?? '';
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
  return {
    reveal(name) {
      const link = links[views.findIndex((view) => view.name === name)];
      if (link) link.hidden = false;
    },
  };
}
