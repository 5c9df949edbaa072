/** The key of the reader: kept as long as the tab lives, under the name that the playground has for it. */
import { byId } from '../playground/dom.ts';

const NAME = '4m-edge-key';

export const storedKey = (): string | undefined => sessionStorage.getItem(NAME) ?? undefined;

export function startKeyField(): void {
  const field = byId('key', HTMLInputElement);
  byId('key-form', HTMLFormElement).hidden = false;
  byId('key-form', HTMLFormElement).addEventListener('submit', (event) => event.preventDefault());
  field.value = storedKey() ?? '';
  field.addEventListener('input', () => {
    const key = field.value.trim();
    if (key === '') sessionStorage.removeItem(NAME);
    else sessionStorage.setItem(NAME, key);
  });
}
