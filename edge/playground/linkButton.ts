/** A button that copies a link to what the form says. Own pictures are uploaded for it, since a link holds none. */
import type { Client } from '../../shared/client/index.ts';
import { button } from './dom.ts';
import { type FormState, writeLink } from './formState.ts';
import type { Given } from './given.ts';

/** The state with uploads in place of the pictures that this tab alone has. */
async function shared(state: FormState, client: Client): Promise<FormState> {
  const inputs: [string, Given][] = [];
  for (const [name, given] of Object.entries(state.inputs)) {
    if (!('picture' in given) || given.picture.path !== undefined || given.picture.value) {
      inputs.push([name, given]);
      continue;
    }
    const bytes = await client.file(given.picture.url);
    const { id } = await client.upload(bytes);
    inputs.push([name, { ...given, picture: { ...given.picture, value: { upload: id } } }]);
  }
  return { ...state, inputs: Object.fromEntries(inputs) };
}

export function createLinkButton(client: Client, state: () => FormState): HTMLButtonElement {
  const say = (text: string): void => {
    share.textContent = text;
    setTimeout(() => (share.textContent = 'Copy link'), 2500);
  };
  const share = button(
    'Copy link',
    () => {
      void (async () => {
        const link = writeLink(await shared(state(), client));
        const address = `${location.origin}${location.pathname}${location.search}#generate?${link}`;
        await navigator.clipboard.writeText(address);
        say('Copied');
      })().catch(() => say('Not possible here'));
    },
    'quiet',
  );
  share.setAttribute('aria-live', 'polite');
  return share;
}
