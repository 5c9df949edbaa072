/** The view for retrieval: pictures go into a collection, and are found by text, pictures, or a mix of them. */
import { ADDRESSES, fillPath } from '../../shared/api/addresses.ts';
import type { Collection } from '../../shared/api/collections.ts';
import type { Model } from '../../shared/api/models.ts';
import type { SearchRequestBody } from '../../shared/api/search.ts';
import { AbortError, type Client } from '../../shared/client/index.ts';
import { showExample } from './command.ts';
import { element, intro } from './dom.ts';
import { exampleBody } from './exampleBody.ts';
import { comeIntoView } from './intoView.ts';
import type { Picture } from './pictureField.ts';
import { showProblem } from './problems.ts';
import { createAdding, idOf } from './retrieveAdd.ts';
import { createChoice } from './retrieveCollections.ts';
import { createFound } from './retrieveFound.ts';
import { createQuestion } from './retrieveQuestion.ts';

export interface RetrieveOptions {
  readonly place: HTMLElement;
  readonly client: Client;
  readonly model: Model;
  readonly examples: readonly Picture[];
}

/** Results of a search, and items that are listed where nothing is searched for. */
const SHOWN = 24;

const addressOf = (name: string, task: 'search' | 'addItems'): string =>
  fillPath(ADDRESSES[task].path, { name });

/** Builds the view; call it when it is first shown. */
export function openRetrieve({ place, client, model, examples }: RetrieveOptions): void {
  const problem = element('div', { role: 'alert', id: 'retrieve-problem' });
  const status = element('p', { class: 'status', role: 'status', id: 'retrieve-status' });
  const command = element('div');
  const tell = (text: string): void => {
    status.textContent = text;
  };
  const guard = async (work: () => Promise<void>): Promise<void> => {
    problem.replaceChildren();
    try {
      await work();
    } catch (failure) {
      // Something else is asked for meanwhile.
      if (failure instanceof AbortError) return;
      tell('');
      showProblem(problem, failure, undefined);
    }
  };

  let current: Collection | undefined;
  /** What is searched for, and of what the results are shown; undefined where all items are listed. */
  let searched: SearchRequestBody | undefined;
  let shown: SearchRequestBody | undefined;
  let asking = new AbortController();
  /** What is asked for next is what will be shown: what was asked for before is given up. */
  const latest = (): { readonly signal: AbortSignal } => {
    asking.abort();
    asking = new AbortController();
    return { signal: asking.signal };
  };
  /** Whether the items are listed after a change that begins now: not where something is searched for by then. */
  const renewal = (): (() => boolean) => {
    const before = shown;
    return () => !searched || (searched === shown && shown === before);
  };
  const found = createFound({
    onLike: (id, weight) => question.addItem(id, weight),
    onDelete: (id) =>
      void guard(async () => {
        if (!current) return;
        const isRenewed = renewal();
        await client.deleteItem(current.name, id);
        if (isRenewed()) await refresh();
      }),
  });
  const question = createQuestion(
    model,
    examples,
    (request, pictures) => void search(request, pictures),
  );
  const adding = createAdding(client, examples, {
    tell,
    guard,
    onMake: () => guard(choice.make),
    onBegin(name) {
      const isRenewed = renewal();
      return async (pictures) => {
        if (!isRenewed()) return tell(`Added ${pictures.length} pictures.`);
        const items = pictures.map((picture) => ({
          id: idOf(picture),
          inputs: { rgb: picture.url },
        }));
        showExample(command, {
          method: 'POST',
          path: addressOf(name, 'addItems'),
          body: exampleBody({ items }, pictures),
        });
        await refresh();
      };
    },
  });
  const choice = createChoice(client, model, { guard, onChoose: (one) => void choose(one) });

  /** Shows what is in the collection, as its count may have changed. */
  async function refresh(): Promise<void> {
    if (!current) return;
    searched = shown = undefined;
    const { signal } = latest();
    current = await client.collection(current.name, { signal });
    choice.update(current);
    const { items } = await client.items(current.name, { limit: SHOWN, signal });
    found.show(items);
    const count = current.count === 1 ? '1 item' : `${current.count} items`;
    tell(current.count > items.length ? `${count}; the first ${items.length} are shown` : count);
  }

  async function choose(collection: Collection | undefined): Promise<void> {
    latest();
    current = collection;
    searched = shown = undefined;
    adding.use(collection);
    question.use(collection);
    command.replaceChildren();
    found.show([]);
    tell(collection ? '' : 'Make a collection first, or begin with the examples.');
    if (collection) await guard(refresh);
  }

  async function search(
    request: SearchRequestBody | undefined,
    pictures: readonly Picture[],
  ): Promise<void> {
    const { name } = current ?? {};
    if (name === undefined) return;
    if (!request) return await guard(refresh);
    searched = request;
    const asked = latest();
    await guard(async () => {
      tell('Searching …');
      const began = performance.now();
      const body = { ...request, k: SHOWN, explain: true };
      const { results: nearest, explain } = await client.search(name, body, asked);
      const milliseconds = Math.round(performance.now() - began);
      found.show(nearest);
      shown = request;
      const how = explain?.method === 'index' ? 'through the index' : 'by comparison with all';
      tell(
        `${nearest.length} nearest of ${explain?.items ?? 0} items, ${how}, in ${milliseconds} ms`,
      );
      comeIntoView(results);
      showExample(command, {
        method: 'POST',
        path: addressOf(name, 'search'),
        body: exampleBody({ ...request, k: SHOWN }, pictures),
      });
    });
  }

  const panel = element(
    'div',
    { class: 'panel' },
    intro(
      'Find pictures by words, by a picture, or by both: put some into a collection, then search it.',
    ),
    element('section', {}, element('h2', {}, 'Collection'), choice.node),
    element('section', {}, element('h2', {}, 'Add pictures'), adding.node),
    element('section', {}, element('h2', {}, 'Search'), question.node),
  );
  const results = element(
    'section',
    { class: 'results', 'aria-label': 'Found', tabindex: -1 },
    problem,
    status,
    found.node,
    command,
  );
  place.replaceChildren(panel, results);
  void choose(undefined).then(() => guard(choice.load));
}
