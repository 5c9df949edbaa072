/** An answered request as an entry of the history. */
import type { GenerateResponse } from '../../shared/api/generate.ts';
import { type FormState, writeLink } from './formState.ts';
import { type HistoryEntry, SMALL_PICTURE } from './history.ts';
import { titleOf } from './labels.ts';
import { ownPictures } from './tabStore.ts';
import { thumbnailOf } from './thumbnails.ts';

const MOST_PREVIEWS = 4;
/** Characters of a title. */
const TITLE = 80;

const inputTitle = (state: FormState): string =>
  Object.entries(state.inputs)
    .map(([name, given]) => ('text' in given ? `“${given.text}”` : titleOf(name)))
    .join(' + ');

/** @param state what was asked, with the seed that the server used */
export async function entryOf(
  state: FormState,
  { id, model, outputs, via = {} }: GenerateResponse,
): Promise<HistoryEntry> {
  const isVia = new Set(Object.values(via).flat());
  const given = Object.values(state.inputs).flatMap((one) =>
    'picture' in one && one.picture.url !== '' ? [one.picture.url] : [],
  );
  const made = Object.entries(outputs)
    .sort(([a], [b]) => Number(isVia.has(a)) - Number(isVia.has(b)))
    .flatMap(([, [first]]) => first?.image ?? []);
  const urls = [...given, ...made].slice(0, MOST_PREVIEWS);
  const previews = await Promise.all(urls.map(thumbnailOf));
  const small = Object.entries(ownPictures(state)).filter(
    ([, { url }]) => url.length <= SMALL_PICTURE,
  );
  const targets = Object.keys(outputs)
    .filter((name) => !isVia.has(name))
    .map((name) => titleOf(name).toLowerCase());
  return {
    id,
    model: model.id,
    at: Date.now(),
    link: writeLink(state).toString(),
    own: Object.fromEntries(small),
    title: `${inputTitle(state).slice(0, TITLE)} → ${targets.join(', ').slice(0, TITLE)}`,
    previews: previews.filter((url) => url !== undefined),
  };
}
