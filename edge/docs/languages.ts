/** One language for all examples, chosen once; and a button that copies each. */
import { LANGUAGES } from '../examples/snippets.ts';
import { button, byId } from '../playground/dom.ts';

const NAME = '4m-edge-language';
const SAID_MILLISECONDS = 2000;

const stored = (): string | null => {
  try {
    return localStorage.getItem(NAME);
  } catch {
    // A browser that keeps nothing starts with the first language each time.
    return null;
  }
};

function choose(lang: string): void {
  document.documentElement.dataset.language = lang;
  for (const node of document.querySelectorAll('#languages button'))
    node.setAttribute('aria-pressed', String(node.getAttribute('data-lang') === lang));
  try {
    localStorage.setItem(NAME, lang);
  } catch {
    // As above.
  }
}

function addCopy(figure: Element): void {
  const caption = figure.querySelector('figcaption');
  const code = figure.querySelector('code');
  const copy = button('Copy', () => {
    const say = (text: string): void => {
      copy.textContent = text;
      setTimeout(() => {
        copy.textContent = 'Copy';
      }, SAID_MILLISECONDS);
    };
    navigator.clipboard.writeText(code?.textContent ?? '').then(
      () => say('Copied'),
      () => say('Not allowed'),
    );
  });
  caption?.append(' ', copy);
}

export function startLanguages(): void {
  const group = byId('languages', HTMLElement);
  for (const { name, lang } of LANGUAGES) {
    const node = button(name, () => choose(lang));
    node.dataset.lang = lang;
    group.append(node);
  }
  group.hidden = false;
  const known = LANGUAGES.find(({ lang }) => lang === stored()) ?? LANGUAGES[0];
  choose(known.lang);
  // Pages that are not secure have no clipboard.
  if (!('clipboard' in navigator)) return;
  for (const figure of document.querySelectorAll('.samples figure')) addCopy(figure);
}
