/** Which collection the page works with: one of those that there are, or a new one. */
import type { Collection, CollectionEmbedding } from '../../shared/api/collections.ts';
import type { Model } from '../../shared/api/models.ts';
import type { Client } from '../../shared/client/index.ts';
import { button, element } from './dom.ts';
import { titleOf } from './labels.ts';

export interface Choice {
  readonly node: HTMLElement;
  /** Asks the server for the collections, and chooses the first. */
  load(): Promise<void>;
  /** Makes the new collection as its fields say, and chooses it. @throws as the client */
  make(): Promise<void>;
  /** Takes over what is known of a collection now. */
  update(collection: Collection): void;
}

interface ChoiceEvents {
  readonly guard: (work: () => Promise<void>) => Promise<void>;
  readonly onChoose: (collection: Collection | undefined) => void;
}

/** What a small picture and its file's name are kept as. */
export const METADATA = {
  name: { type: 'string' },
  thumbnail: { type: 'string', filter: false },
} as const;

const FEATURES = 'features';

function embeddingsOf({ id, modalities }: Model): (readonly [string, CollectionEmbedding])[] {
  const targets = modalities
    .filter(({ output, presentation }) => output && presentation === 'vector')
    .map(({ name }) => {
      const embedding: CollectionEmbedding = {
        kind: 'target',
        model: id,
        target: name,
        ready_vectors: 'raw',
      };
      return [name, embedding] as const;
    });
  return [...targets, [FEATURES, { kind: 'features', model: id }]];
}

const describe = ({ embedding, dimensions }: Collection): string => {
  const what =
    embedding.kind === 'target'
      ? `${titleOf(embedding.target ?? '')}, predicted`
      : embedding.kind === 'features'
        ? 'features of the encoder'
        : 'ready vectors';
  return `${what}, ${dimensions} numbers each`;
};

export function createChoice(
  client: Client,
  model: Model,
  { guard, onChoose }: ChoiceEvents,
): Choice {
  const known = new Map<string, Collection>();
  const selector = element('select', { id: 'collection', 'aria-label': 'Collection' });
  const facts = element('p', { class: 'hint' });
  const remove = button('Delete', () => void guard(deleteChosen), 'quiet');
  const name = element('input', {
    id: 'collection-name',
    type: 'text',
    value: 'pictures',
    maxlength: 63,
    spellcheck: 'false',
  });
  const embeddings = embeddingsOf(model);
  const kind = element(
    'select',
    { id: 'collection-embedding' },
    ...embeddings.map(([value]) =>
      element('option', { value }, value === FEATURES ? 'Features of the encoder' : titleOf(value)),
    ),
  );
  const create = button('Make it', () => void guard(createNew));

  const show = (chosen: string | undefined): void => {
    selector.replaceChildren(
      ...[...known.keys()].map((one) =>
        element('option', { value: one, selected: one === chosen }, one),
      ),
    );
    const collection = chosen === undefined ? undefined : known.get(chosen);
    selector.hidden = known.size === 0;
    remove.hidden = known.size === 0;
    facts.textContent = collection ? describe(collection) : '';
    fresh.open = known.size === 0;
    onChoose(collection);
  };
  let isMaking = false;
  async function createNew(): Promise<void> {
    const embedding = embeddings.find(([value]) => value === kind.value)?.[1];
    if (!embedding || isMaking) return;
    isMaking = true;
    try {
      const made = await client.createCollection({
        name: name.value.trim(),
        embedding,
        metadata: METADATA,
      });
      known.set(made.name, made);
      show(made.name);
    } finally {
      isMaking = false;
    }
  }
  async function deleteChosen(): Promise<void> {
    const chosen = selector.value;
    if (!confirm(`Delete the collection ${chosen} with everything in it?`)) return;
    await client.deleteCollection(chosen);
    known.delete(chosen);
    // Another one may have been chosen meanwhile.
    show(selector.value === chosen ? [...known.keys()][0] : selector.value);
  }
  selector.addEventListener('change', () => show(selector.value));

  const fresh = element(
    'details',
    {},
    element('summary', {}, 'New collection'),
    element(
      'div',
      { class: 'more' },
      element('div', { class: 'field' }, element('label', { for: name.id }, 'Name'), name),
      element('div', { class: 'field' }, element('label', { for: kind.id }, 'Vectors'), kind),
      create,
    ),
  );
  return {
    node: element('div', {}, element('div', { class: 'row' }, selector, remove), facts, fresh),
    async load() {
      const { collections } = await client.collections({ limit: 1000 });
      // Vectors of another model are made of other inputs than this page asks for.
      const own = collections.filter(
        ({ embedding }) => embedding.model === undefined || embedding.model === model.id,
      );
      for (const one of own) known.set(one.name, one);
      // One may have been made before the list came.
      show(selector.value || own[0]?.name);
    },
    make: createNew,
    update(collection) {
      known.set(collection.name, collection);
      facts.textContent = describe(collection);
    },
  };
}
