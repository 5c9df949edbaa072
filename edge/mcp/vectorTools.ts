/** The tools of vectors: embeddings of anything, and the items of a collection that are nearest to it. */
import type { EmbedResponse } from '../../shared/api/embed.ts';
import type { Model } from '../../shared/api/models.ts';
import { ROUTES } from '../../shared/api/routes.ts';
import type { SearchResponse } from '../../shared/api/search.ts';
import { embeddingTargets } from '../../shared/plan/embed.ts';
import { inputsOf, inputsSchema } from './inputs.ts';
import { dataResult, modelOf, modelProperty, type Tool, taken } from './tool.ts';

const embedding = (models: readonly Model[]) =>
  models.filter((model) => embeddingTargets(model).length > 0);

export const EMBED: Tool = {
  name: 'embed',
  title: 'Embed anything as a vector',
  description:
    'Turns inputs of any modalities into one vector of length 1, so that captions, pictures and others can be compared ' +
    'by their cosine.',
  scope: 'embed',
  properties(models) {
    const able = embedding(models);
    if (able.length === 0) return undefined;
    const targets = able.flatMap((model) => embeddingTargets(model).map(({ name }) => name));
    return {
      inputs: inputsSchema(able),
      target: {
        type: 'string',
        enum: [...new Set(targets)],
        description: "Which embedding; the model's first when absent",
      },
      ...modelProperty(able),
    };
  },
  required: ['inputs'],
  output: {
    vector: { type: 'array', items: { type: 'number' }, description: 'Its numbers' },
    target: { type: 'string', description: 'The embedding that was predicted' },
    model: { type: 'string', description: 'The model that was asked' },
    licence: { type: 'string', description: "Licence of the model's weights" },
    usage: { type: 'object', description: 'What it cost' },
    warnings: { type: 'array', description: 'Why the result may not be what was meant' },
  },
  async run(given, { models, call, onProgress }) {
    const { model, named } = modelOf(given, embedding(models));
    const target = given.target ?? (model && embeddingTargets(model)[0]?.name);
    const body = { inputs: inputsOf(given.inputs, model ? [model] : []), target, ...named };
    const answer = (await call(ROUTES.embed, { body, onProgress })) as EmbedResponse;
    return dataResult({
      vector: answer.items[0]?.embedding?.values ?? [],
      target: answer.target,
      model: answer.model.id,
      licence: answer.model.licence,
      usage: answer.usage,
      ...(answer.warnings && { warnings: answer.warnings }),
    });
  },
};

export const SEARCH: Tool = {
  name: 'search',
  title: 'Search a collection',
  description:
    'Finds the items of a collection that are nearest to inputs of any modalities, or to one of its items. ' +
    'list_collections names the collections.',
  scope: 'collections',
  properties: (models) => ({
    collection: { type: 'string', description: 'The collection' },
    inputs: inputsSchema(models),
    item: {
      type: 'string',
      description: 'In place of inputs: the id of an item of the collection',
    },
    k: { type: 'integer', minimum: 1, maximum: 100, description: 'Results; 10 when absent' },
    filter: {
      type: 'object',
      description:
        'Which items count, by their metadata, such as {"field": "year", "gte": 2000}; and, or, not combine filters',
    },
  }),
  required: ['collection'],
  output: {
    results: {
      type: 'array',
      items: { type: 'object' },
      description: 'Nearest first: id, score (the cosine) and metadata',
    },
    usage: { type: 'object', description: 'What it cost' },
  },
  async run(given, { models, call }) {
    const { collection, inputs } = given;
    const body = {
      ...(inputs !== undefined && { inputs: inputsOf(inputs, models) }),
      ...taken(given, ['item', 'k', 'filter']),
    };
    const options = { steps: { name: String(collection) }, body };
    const { results, usage } = (await call(ROUTES.search, options)) as SearchResponse;
    return dataResult({ results, ...(usage && { usage }) });
  },
};
