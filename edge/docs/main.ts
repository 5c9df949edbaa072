/** The page's script: choosing a language, copying, searching, and sending requests from the page. */
import { byId } from '../playground/dom.ts';
import { startKeyField } from './key.ts';
import { startLanguages } from './languages.ts';
import { startSearch } from './search.ts';
import type { Tryable } from './tryable.ts';
import { startTryIt } from './tryIt.ts';

/** Below it the contents stand before the operations, and would have to be passed by. */
const NARROW = '(max-width: 60rem)';

const dataOf = (id: string): unknown => JSON.parse(byId(id, HTMLElement).textContent ?? 'null');

const operations = dataOf('operations-data') as Record<string, Tryable>;
const files = dataOf('files-data') as Record<string, string>;

if (matchMedia(NARROW).matches) byId('contents', HTMLDetailsElement).open = false;
startKeyField();
startSearch();
startTryIt(operations, files);
startLanguages();

/** What a link leads to is seen, where it is folded away. */
function unfold(): void {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener('hashchange', unfold);
unfold();
document.documentElement.dataset.ready = '';
