/** A list of rows, each of which is kept as long as its piece of work is listed: open ones stay open, focus stays. */
import { element } from './dom.ts';

interface Row<T> {
  readonly node: HTMLElement;
  update(item: T): void;
  open(): void;
}

export interface WorkList<T> {
  readonly node: HTMLElement;
  show(items: readonly T[]): void;
  /** Opens a row, where it is listed. */
  open(id: string): void;
}

export function createWorkList<T extends { readonly id: string }>(
  id: string,
  create: (item: T) => Row<T>,
): WorkList<T> {
  const node = element('ul', { class: 'work', id });
  let rows = new Map<string, Row<T>>();
  return {
    node,
    open: (wanted) => rows.get(wanted)?.open(),
    show(items) {
      const next = new Map<string, Row<T>>();
      for (const item of items) {
        const row = rows.get(item.id) ?? create(item);
        row.update(item);
        next.set(item.id, row);
      }
      for (const [known, row] of rows) if (!next.has(known)) row.node.remove();
      // A node that is put where it is already would lose the focus.
      for (const [index, { node: own }] of [...next.values()].entries())
        if (node.children[index] !== own) node.insertBefore(own, node.children[index] ?? null);
      rows = next;
    },
  };
}
