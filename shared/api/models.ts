/** `GET /v1/models` and `GET /v1/modalities`: what the models say of themselves. */
import * as z from 'zod';
import { knowledgeSchema, presentationSchema, recommendedSchema } from '../model/modalities.ts';

const count = z.number().int();

/** From the one that answers soonest. */
export const MODEL_STATES = ['loaded', 'loading', 'available'] as const;
export type ModelState = (typeof MODEL_STATES)[number];

export const modalitySchema = z
  .object({
    name: z.string().describe('The name that callers use'),
    modalities: z
      .array(z.string())
      .describe("The model's own names behind it, such as rgb@64 and tok_rgb@64"),
    type: z
      .enum(['img', 'seq', 'seq_emb'])
      .describe('img: a grid of tokens; seq: text; seq_emb: rows of a text encoder'),
    presentation: presentationSchema.describe('How a value is shown and accepted'),
    input: z.boolean().describe('Whether it can be given'),
    output: z.boolean().describe('Whether it can be generated'),
    vocabulary: count.nullable().describe('Ids that its tokens have; null where it has none'),
    tokens: count.describe('Tokens of a grid, or the most that a sequence has'),
    patches: count
      .optional()
      .describe('Patches as which its pixels are read, where these are not as many as its tokens'),
    input_size: count.nullable().describe('Side of its picture in pixels; null where it is none'),
    dimensions: count
      .optional()
      .describe('Numbers of its vector, where it is one and a loaded tokenizer decodes it'),
    accepts: z
      .array(z.enum(['image', 'text', 'tokens', 'value', 'file']))
      .describe('Forms in which it can be given; image and file (.npy, .safetensors) come as data'),
    classes: z
      .array(z.string())
      .optional()
      .describe('Names of its classes, in the order of their ids'),
    recommended: recommendedSchema
      .optional()
      .describe('Settings that the checkpoint itself recommends for it as a target'),
  })
  .meta({ id: 'Modality', description: 'A modality as a model has it' });
export type Modality = z.infer<typeof modalitySchema>;

export const modelSchema = z
  .object({
    id: z.string().describe('Name of the model, as a request names it'),
    digest: z.string().describe("Hash of the model's weights and settings"),
    licence: z.string().describe('Licence of the weights'),
    served: z
      .boolean()
      .optional()
      .describe('Whether whoever asks is served it; false where its licence stands against that'),
    precision: z.string().describe('Precision of the weights, such as fp32 or int8'),
    parameters: count.describe(
      'Number of learned parameters, those of its tokenizers included; sine tables of positions are none',
    ),
    width: count.optional().describe("Numbers of one of its encoder's features"),
    kind: z
      .enum(['backbone', 'encoder'])
      .optional()
      .describe(
        'backbone: it has features and classes, and generates nothing; encoder: so does a model of which ' +
          'only the encoder is loaded; absent otherwise',
      ),
    head: z
      .object({ labels: z.array(z.string()).describe('Its classes, in the order of the logits') })
      .optional()
      .describe('The head that a backbone was exported with'),
    tokenizers: z.array(z.string()).optional().describe('Its tokenizers, such as tok_rgb'),
    modalities: z.array(modalitySchema).describe('What it takes and makes'),
    knows: knowledgeSchema.optional().describe('What it knows, where its checkpoint says so'),
    state: z
      .enum(MODEL_STATES)
      .optional()
      .describe(
        'Whether it is in memory now: loaded; loading; available, and loaded when a request asks for it, ' +
          'which then takes longer. Of several workers the one that is nearest; absent while none answers',
      ),
  })
  .meta({ id: 'Model', description: 'A model that can be asked for' });
export type Model = z.infer<typeof modelSchema>;

/** What OpenAI's clients read of a model, beside its id. */
const familiar = {
  object: z.literal('model').describe("What it is, for clients of OpenAI's API"),
  created: count.describe('0: the time at which a model was made is not known'),
  owned_by: z.literal('4m-edge').describe('What serves it'),
};
export const FAMILIAR_MODEL = { object: 'model', created: 0, owned_by: '4m-edge' } as const;

/** What a worker says of itself. */
export const workerModelsSchema = z.object({
  models: z
    .array(modelSchema)
    .describe('The models that can be asked for; the first is the default'),
});

export const modelsResponseSchema = workerModelsSchema
  .extend({
    object: z.literal('list').describe("What it is, for clients of OpenAI's API"),
    data: z
      .array(z.object({ id: modelSchema.shape.id, ...familiar }))
      .describe("The same models, as clients of OpenAI's API list them"),
  })
  .meta({ id: 'ModelsResponse', description: 'The models that can be asked for' });

export const modelResponseSchema = modelSchema
  .extend(familiar)
  .meta({ id: 'ModelResponse', description: 'One model' });
export type ModelResponse = z.infer<typeof modelResponseSchema>;
export type ModelsResponse = z.infer<typeof modelsResponseSchema>;

export const modalitiesResponseSchema = z
  .object({
    model: z.string().describe('The model they are of'),
    modalities: z.array(modalitySchema).describe('What it takes and makes'),
  })
  .meta({ id: 'ModalitiesResponse', description: 'The modalities of one model' });
export type ModalitiesResponse = z.infer<typeof modalitiesResponseSchema>;
