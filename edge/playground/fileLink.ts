/** Links to files of the API: a browser sends no key along with a link, so that with one the page fetches them itself. */
import { element } from './dom.ts';
import { storedKey } from './key.ts';

/** @param name of the file that is saved */
export function fileLink(href: string, text: string, name: string): HTMLAnchorElement {
  const link = element('a', { href, download: name }, text);
  async function fetchWithKey(key: string): Promise<void> {
    const answer = await fetch(href, { headers: { authorization: `Bearer ${key}` } });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const url = URL.createObjectURL(await answer.blob());
    element('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
  link.addEventListener('click', (event) => {
    const key = storedKey();
    if (key === undefined) return;
    event.preventDefault();
    fetchWithKey(key).catch((failure: unknown) => {
      link.textContent = `${text}: ${failure instanceof Error ? failure.message : failure}`;
    });
  });
  return link;
}
