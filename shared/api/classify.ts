/** `POST /v1/classify`: inputs and a head -> classes with their probabilities. */
import * as z from 'zod';
import { modelNameSchema } from './generate.ts';
import {
  encodingUsageSchema,
  headNameSchema,
  headVersionSchema,
  labelledCollectionSchema,
} from './heads.ts';
import { inputsSchema } from './inputs.ts';
import { computedSchema, servedBySchema } from './outputs.ts';
import { runFields } from './runFields.ts';
import { sourcesSchema } from './takeInput.ts';
import { warningsSchema } from './warning.ts';

/** Items of a call at most. */
const MOST_ITEMS = 256;

const count = z.number().int();

export const neighboursSchema = labelledCollectionSchema
  .extend({
    k: count.min(1).max(1000).default(20).describe('Neighbours that are asked; 20 when absent'),
  })
  .meta({ id: 'Neighbours', description: 'Items whose classes are asked' });
export type Neighbours = z.output<typeof neighboursSchema>;

export const classifyRequestSchema = z
  .strictObject({
    model: modelNameSchema,
    inputs: inputsSchema.optional().describe('One item, in place of items'),
    items: z
      .array(z.strictObject({ inputs: inputsSchema }))
      .min(1)
      .max(MOST_ITEMS)
      .optional()
      .describe(`1 to ${MOST_ITEMS} items, each with any inputs`),
    head: headNameSchema
      .optional()
      .describe('A head of /v1/heads; absent: the one that the model was exported with'),
    version: headVersionSchema.optional().describe('A version of the head; the newest when absent'),
    neighbours: neighboursSchema
      .optional()
      .describe('In place of a head: the items of a collection that are nearest, without any fit'),
    top_k: count.min(1).max(1000).default(5).describe('Classes to answer, the likeliest first'),
    logits: z.boolean().optional().describe('Whether the logits of all classes are answered'),
    ...runFields,
  })
  .superRefine((request, context) => {
    const refuse = (message: string, field: string): void =>
      context.addIssue({ code: 'custom', message, path: [field] });
    if (request.items && request.inputs) refuse('must not be given beside items', 'inputs');
    if (!request.items && !request.inputs)
      refuse('must be given, or inputs for a single item', 'items');
    if (request.version !== undefined && request.head === undefined)
      refuse('names a version of a head, which has to be given as well', 'version');
    if (!request.neighbours) return;
    for (const field of ['head', 'model', 'logits'] as const)
      if (request[field] !== undefined) refuse('must not be given beside neighbours', field);
  })
  .meta({ id: 'ClassifyRequest', description: 'Inputs to classify, and the head to do it with' });
export type ClassifyRequestBody = z.input<typeof classifyRequestSchema>;
export type ClassifyRequest = z.output<typeof classifyRequestSchema>;

export const classifiedSchema = z
  .object({
    label: z.string().describe('The class'),
    probability: z.number().describe('How likely it is, from 0 to 1'),
  })
  .meta({ id: 'Classified', description: 'A class and its probability' });

export const classifiedItemSchema = z
  .object({
    classes: z.array(classifiedSchema).describe('The likeliest classes, the likeliest first'),
    logits: z
      .array(z.number())
      .optional()
      .describe('Of all classes, in the order of the labels, where they were asked for'),
  })
  .meta({ id: 'ClassifiedItem', description: 'What an item was taken for' });
export type ClassifiedItem = z.infer<typeof classifiedItemSchema>;

export const classifyResponseSchema = z
  .object({
    dry_run: z.literal(false).optional().describe('True only in the answer to a dry run'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: servedBySchema,
    computed: computedSchema,
    head: z
      .object({ name: headNameSchema, version: headVersionSchema })
      .optional()
      .describe("The head that was used; absent for the model's own, and for neighbours"),
    items: z
      .array(classifiedItemSchema)
      .describe('One for each item, in their order; a single one for inputs'),
    usage: encodingUsageSchema
      .extend({ milliseconds: z.number().describe('Time that the work took') })
      .describe('What the request cost'),
    warnings: warningsSchema,
    sources: sourcesSchema,
  })
  .meta({ id: 'ClassifyResponse', description: 'Classes and their probabilities' });
export type ClassifyResponse = z.infer<typeof classifyResponseSchema>;

export const classifyDryRunSchema = z
  .object({
    dry_run: z.literal(true).describe('Tells the answer from one with classes'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: z.string().describe('The model that the request goes to'),
    usage: encodingUsageSchema.describe('What the request will cost'),
  })
  .meta({ id: 'ClassifyDryRun', description: 'What a request to classify would cost' });
export type ClassifyDryRun = z.infer<typeof classifyDryRunSchema>;
