/**
 * Many boxes to tick as a single stop of the Tab key: arrow keys, Home and End go from one to the next, as they do in
 * toolbars (ARIA Authoring Practices, "roving tabindex").
 */

const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowRight: 1,
  ArrowUp: -1,
  ArrowLeft: -1,
};

/** @returns what is called when boxes have been enabled or disabled */
export function rove(parent: HTMLElement, boxes: readonly HTMLInputElement[]): () => void {
  let current = boxes[0];
  const open = (): HTMLInputElement[] => boxes.filter((box) => !box.disabled);

  function update(): void {
    if (!current || current.disabled) current = open()[0];
    for (const box of boxes) box.tabIndex = box === current ? 0 : -1;
  }
  const isBox = (target: EventTarget | null): target is HTMLInputElement =>
    boxes.some((box) => box === target);

  parent.addEventListener('focusin', ({ target }) => {
    if (!isBox(target)) return;
    current = target;
    update();
  });
  parent.addEventListener('keydown', (event) => {
    const { target, key } = event;
    if (!isBox(target) || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = open();
    const step = STEPS[key];
    const at = all.indexOf(target) + (step ?? 0);
    const goal = key === 'Home' ? 0 : key === 'End' ? all.length - 1 : step && at;
    if (goal === undefined) return;
    event.preventDefault();
    all[(goal + all.length) % all.length]?.focus();
  });
  update();
  return update;
}
