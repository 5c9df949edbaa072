/** A brush over the patches of a picture: what is painted is hidden from the model. Arrow keys and Space paint too. */
import { button, element } from './dom.ts';

export interface HideGrid {
  readonly node: HTMLElement;
  /** Shows a picture with so many patches a side; hides nothing yet. */
  show(url: string, side: number): void;
  hidden(): readonly number[];
  set(cells: readonly number[]): void;
}

/** How far each key moves, as rows and columns. */
const MOVES: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** @param onChange called after every stroke */
export function createHideGrid(onChange: () => void): HideGrid {
  const picture = element('img', { alt: '', class: 'pixelated' });
  const cells = element('div', {
    class: 'patches',
    role: 'group',
    'aria-label': 'Patches: arrow keys move, Space hides, Shift with an arrow goes on so',
  });
  const count = element('p', { class: 'hint', 'aria-live': 'polite' });
  let patches: HTMLButtonElement[] = [];
  let side = 0;
  /** What a stroke under way does: hide or show. */
  let stroke: boolean | undefined;

  const isHidden = (patch: HTMLButtonElement): boolean =>
    patch.getAttribute('aria-pressed') === 'true';
  const paint = (patch: HTMLButtonElement, hides: boolean): void => {
    patch.setAttribute('aria-pressed', String(hides));
  };
  const hidden = (): number[] =>
    patches.flatMap((patch, index) => (isHidden(patch) ? [index] : []));
  const tell = (): void => {
    const found = hidden().length;
    count.textContent =
      found === 0 ? 'Paint what the model must not see.' : `${found} of ${side * side} hidden`;
    onChange();
  };
  const set = (wanted: readonly number[]): void => {
    const chosen = new Set(wanted);
    for (const [index, patch] of patches.entries()) paint(patch, chosen.has(index));
    tell();
  };
  const patchAt = ({ clientX, clientY }: PointerEvent): HTMLButtonElement | undefined =>
    patches.find((patch) => patch === document.elementFromPoint(clientX, clientY));

  cells.addEventListener('pointerdown', (event) => {
    const patch = patchAt(event);
    if (!patch) return;
    event.preventDefault();
    patch.focus();
    stroke = !isHidden(patch);
    paint(patch, stroke);
  });
  cells.addEventListener('pointermove', (event) => {
    const patch = stroke === undefined ? undefined : patchAt(event);
    if (patch && stroke !== undefined) paint(patch, stroke);
  });
  for (const end of ['pointerup', 'pointercancel'])
    addEventListener(end, () => {
      if (stroke === undefined) return;
      stroke = undefined;
      tell();
    });
  // A click without a pointer is a key's, or a screen reader's.
  cells.addEventListener('click', (event) => {
    const patch = patches.find((candidate) => candidate === event.target);
    if (!patch || event.detail > 0) return;
    paint(patch, !isHidden(patch));
    tell();
  });
  cells.addEventListener('keydown', (event) => {
    const move = MOVES[event.key];
    const from = patches.findIndex((patch) => patch.matches(':focus'));
    if (!move || from < 0) return;
    event.preventDefault();
    const row = Math.floor(from / side) + move[0];
    const column = (from % side) + move[1];
    if (row < 0 || column < 0 || row >= side || column >= side) return;
    focusOn(row * side + column);
    const [first, next] = [patches[from], patches[row * side + column]];
    if (!event.shiftKey || !first || !next) return;
    paint(next, isHidden(first));
    tell();
  });
  /** One patch alone is reached by Tab. */
  function focusOn(index: number): void {
    for (const [i, patch] of patches.entries()) patch.tabIndex = i === index ? 0 : -1;
    patches[index]?.focus();
  }

  const middle = (): number[] =>
    Array.from({ length: side * side }, (_, index) => index).filter((index) =>
      [Math.floor(index / side), index % side].every((at) => at >= side / 4 && at < (side * 3) / 4),
    );
  const node = element(
    'div',
    { class: 'hide' },
    element('div', { class: 'hide-stage' }, picture, cells),
    count,
    element(
      'p',
      { class: 'pair' },
      button('The middle', () => set(middle()), 'quiet'),
      button('Nothing', () => set([]), 'quiet'),
    ),
  );
  return {
    node,
    hidden,
    set,
    show(url, wanted) {
      picture.hidden = url === '';
      if (url !== '') picture.src = url;
      if (wanted !== side) {
        side = wanted;
        patches = Array.from({ length: side * side }, (_, index) =>
          element('button', {
            type: 'button',
            tabindex: index === 0 ? 0 : -1,
            'aria-pressed': 'false',
            'aria-label': `Row ${Math.floor(index / side) + 1}, column ${(index % side) + 1}`,
          }),
        );
        cells.style.gridTemplateColumns = `repeat(${side}, 1fr)`;
        cells.replaceChildren(...patches);
      }
      set([]);
    },
  };
}
