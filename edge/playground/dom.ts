/** Elements without a framework. Text always enters as text nodes, so server data cannot become markup. */

type Attribute = string | number | boolean | undefined;
export type Child = Node | string | undefined | false;

/** An element with attributes (`true` sets an empty one, `false` and undefined leave it out) and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(
    ...children.filter((child): child is Node | string => child !== undefined && child !== false),
  );
  return node;
}

/** The element of `page.html` with this id. @throws Error when the page has none */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const node = document.getElementById(id);
  if (!(node instanceof type)) throw new Error(`page.html: no ${type.name} with id ${id}`);
  return node;
}

/** A button that does not submit the form. */
export function button(label: string, onClick: () => void, className = ''): HTMLButtonElement {
  const node = element('button', { type: 'button', class: className || undefined }, label);
  node.addEventListener('click', onClick);
  return node;
}

/** What a view is for, in a sentence. */
export const intro = (text: string): HTMLElement => element('p', { class: 'intro' }, text);

/** A `svg` element, with the same conventions as `element`. */
export function svg(
  tag: string,
  attributes: Readonly<Record<string, Attribute>>,
  ...children: readonly (Node | string)[]
): SVGElement {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}
