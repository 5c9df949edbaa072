/** The API key of a visitor, for servers that ask for one: kept as long as the tab lives, and sent nowhere else. */
import { byId } from './dom.ts';
import { tabStorage } from './storage.ts';

const NAME = '4m-edge-key';

export const storedKey = (): string | undefined => tabStorage.getItem(NAME) ?? undefined;

/** Shows the field where the server asks for a key; another key is tried by loading the page anew. */
export function startKeyField(isAsked: boolean): void {
  const form = byId('key-form', HTMLFormElement);
  const field = byId('key', HTMLInputElement);
  form.hidden = !isAsked && storedKey() === undefined;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const key = field.value.trim();
    if (key === '') tabStorage.removeItem(NAME);
    else tabStorage.setItem(NAME, key);
    location.reload();
  });
}
