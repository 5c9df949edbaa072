/** The tools that say what there is: models and collections. */
import type { CollectionsResponse } from '../../shared/api/collections.ts';
import type { Model, ModelsResponse } from '../../shared/api/models.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import { embeddingTargets } from '../../shared/plan/embed.ts';
import { dataResult, type Tool, taken } from './tool.ts';

/** The rest of a description is for programs. */
const told = (model: Model) => ({
  id: model.id,
  licence: model.licence,
  takes: model.modalities.filter(({ input }) => input).map(({ name }) => name),
  makes: model.modalities.filter(({ output }) => output).map(({ name }) => name),
  embeddings: embeddingTargets(model).map(({ name }) => name),
  ...(model.knows && { knows: model.knows }),
});

export const LIST_MODELS: Tool = {
  name: 'list_models',
  title: 'List models',
  description:
    'Names the models, what each one takes, makes and knows, and the licence of its weights.',
  scope: 'models',
  properties: () => ({}),
  required: [],
  output: {
    models: {
      type: 'array',
      items: { type: 'object' },
      description: 'The models; a call that names none asks the first that can do it',
    },
  },
  async run(_given, { call }) {
    const { models } = (await call(ROUTES.models)) as ModelsResponse;
    return dataResult({ models: models.map(told) });
  },
};

export const LIST_COLLECTIONS: Tool = {
  name: 'list_collections',
  title: 'List collections',
  description:
    'Names the collections that can be searched, with their number of items and metadata.',
  scope: 'collections',
  properties: () => ({ after: { type: 'string', description: '`next` of the page before' } }),
  required: [],
  output: {
    collections: { type: 'array', items: { type: 'object' }, description: 'By name' },
    next: {
      anyOf: [{ type: 'string' }, { type: 'null' }],
      description: 'Where there are more: after of the next call',
    },
  },
  async run(given, { call }) {
    const query = taken(given, ['after']) as Record<string, string>;
    return dataResult({ ...((await call(ROUTES.collections, { query })) as CollectionsResponse) });
  },
};
