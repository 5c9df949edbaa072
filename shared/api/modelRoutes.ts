/** Routes of the route table that say what is loaded. */
import { ADDRESSES } from './addresses.ts';
import { generateRequestSchema } from './generate.ts';
import {
  modalitiesResponseSchema,
  modelResponseSchema,
  modelSchema,
  modelsResponseSchema,
} from './models.ts';
import type { Route } from './route.ts';

export const MODEL_ROUTES = {
  models: {
    id: 'models',
    ...ADDRESSES.models,
    tag: 'models',
    summary: 'The models, with licence and modalities',
    response: { 'application/json': modelsResponseSchema },
    problems: ['worker_unavailable'],
  },
  model: {
    id: 'model',
    ...ADDRESSES.model,
    tag: 'models',
    summary: 'One model, with licence and modalities',
    parameters: [
      { name: 'id', description: 'Its id, as /v1/models has it', schema: modelSchema.shape.id },
    ],
    response: { 'application/json': modelResponseSchema },
    problems: ['model_not_loaded', 'worker_unavailable'],
  },
  modalities: {
    id: 'modalities',
    ...ADDRESSES.modalities,
    tag: 'models',
    summary: "One model's modalities, as its own configuration says",
    query: [
      {
        name: 'model',
        description: 'A loaded model; the first one when absent',
        schema: generateRequestSchema.shape.model,
      },
    ],
    response: { 'application/json': modalitiesResponseSchema },
    problems: ['model_not_loaded', 'worker_unavailable'],
  },
} as const satisfies Record<string, Route>;
