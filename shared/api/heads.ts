/** `/v1/heads`: heads that turn a model's features into the probabilities of classes. */
import * as z from 'zod';
import { collectionNameSchema } from './collections.ts';
import { fieldNameSchema, filterSchema } from './filters.ts';
import { modelNameSchema, seedSchema } from './generate.ts';
import { inputsSchema } from './inputs.ts';
import { computedSchema } from './outputs.ts';
import { pricedUnitsSchema, priceFields } from './price.ts';
import { runFields } from './runFields.ts';
import { sourcesSchema } from './takeInput.ts';

const count = z.number().int();
/** What looking at items costs. */
export const encodingUsageSchema = z.object({
  encoder_passes: count.describe('Passes of the encoder'),
  decoder_passes: count.describe('Passes of the decoder'),
  units: count.describe(
    'Token-steps weighted by the size of the model, and pixels that are decoded',
  ),
  ...priceFields,
});

const share = z.number().describe('From 0 to 1');

/** A name is a step of an address and of a store's key. */
export const headNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][\w.-]{0,63}$/,
    'must have 1 to 64 letters, digits, dots, dashes or underscores, and begin with a letter or a digit',
  )
  .meta({ id: 'HeadName', description: 'Name of a head' });

/** Versions are named by the bytes of the head's file. */
export const headVersionSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')
  .meta({ id: 'HeadVersion', description: "The hash of a head's file" });

export const LONGEST_LABEL = 200;
export const labelSchema = z.string().min(1).max(LONGEST_LABEL);

/** Classes that a fit may have, and examples of one request. */
export const MOST_FITTED_CLASSES = 256;
export const MOST_EXAMPLES = 1000;
export const MOST_FOLDS = 10;

/** What a head looks at. */
export const featuresSchema = z
  .string()
  .min(1)
  .max(64)
  .describe(
    "encoder, which is the default: the mean of the encoder's features over all tokens; or the name of a global embedding, which is " +
      'then predicted from the inputs',
  );

export const exampleSchema = z
  .strictObject({ inputs: inputsSchema, label: labelSchema.describe('Its class') })
  .meta({ id: 'Example', description: 'Inputs whose class is known' });
export type HeadExample = z.output<typeof exampleSchema>;

/** Items of a collection whose class stands in a field of their metadata. */
export const labelledCollectionSchema = z
  .strictObject({
    name: collectionNameSchema,
    label_field: fieldNameSchema.describe('The field of the metadata that holds the class'),
    filter: filterSchema.optional(),
  })
  .meta({ id: 'LabelledCollection', description: 'Items of a collection, each with its class' });
export type LabelledCollection = z.output<typeof labelledCollectionSchema>;

/** Items of a collection that a head is fitted to at most. */
export const MOST_FITTED_ITEMS = 5000;

export const fitHeadRequestSchema = z
  .strictObject({
    name: headNameSchema.describe('Name of the head; one that exists gets a further version'),
    model: modelNameSchema,
    features: featuresSchema.optional(),
    examples: z
      .array(exampleSchema)
      .min(2)
      .max(MOST_EXAMPLES)
      .optional()
      .describe('Inputs of any modalities, each with its class'),
    collection: labelledCollectionSchema
      .optional()
      .describe('In place of examples: the vectors of a collection, which are not made again'),
    l2: z
      .number()
      .min(0)
      .max(1e6)
      .optional()
      .describe(
        'Strength of the penalty on the weights; absent: the one of several that predicts held-out examples best',
      ),
    folds: count.min(2).max(MOST_FOLDS).default(5).describe('Folds of the cross-validation'),
    seed: seedSchema.default(0).describe('Of the dealing of examples to folds'),
    ...runFields,
  })
  .superRefine((request, context) => {
    const refuse = (message: string, field: string): void =>
      context.addIssue({ code: 'custom', message, path: [field] });
    if (request.examples && request.collection)
      refuse('must not be given beside examples', 'collection');
    if (!request.examples && !request.collection)
      refuse('must be given, or a collection in their place', 'examples');
    if (!request.collection) return;
    for (const field of ['model', 'features'] as const)
      if (request[field] !== undefined) refuse('is that of the collection', field);
  })
  .meta({ id: 'FitHeadRequest', description: 'Labelled examples to fit a head to' });
export type FitHeadRequestBody = z.input<typeof fitHeadRequestSchema>;
export type FitHeadRequest = z.output<typeof fitHeadRequestSchema>;

export const classReportSchema = z
  .object({
    label: z.string().describe('The class'),
    support: count.describe('Examples of the class'),
    precision: share.describe('Share of those called so that are so'),
    recall: share.describe('Share of those that are so and are called so'),
    f1: share.describe('Harmonic mean of both'),
  })
  .meta({ id: 'ClassReport', description: 'How well one class is told from the others' });
export type ClassReport = z.infer<typeof classReportSchema>;

const strengthSchema = z.object({
  l2: z.number().describe('Strength of the penalty'),
  loss: z.number().describe('Mean negative log-likelihood of held-out examples'),
  accuracy: share.describe('Share of held-out examples that are right'),
});

export const fitReportSchema = z
  .object({
    examples: count.describe('Examples that the head was fitted to'),
    separable: z
      .boolean()
      .describe(
        'Whether a hyperplane was found that parts the classes in the examples. Then the fit without a penalty ' +
          'has no optimum, and the strength of the penalty decides the head',
      ),
    l2: z.number().describe('Strength of the penalty that the head was fitted with'),
    strengths: z.array(strengthSchema).describe('The strengths that were compared'),
    folds: count.describe('Folds of the cross-validation'),
    loss: z.number().describe('The penalised loss that the fit ended at, over all examples'),
    iterations: count.describe('Iterations of the fit'),
    converged: z.boolean().describe('Whether its gradient came to nothing'),
    held_out: z
      .object({
        accuracy: share.describe('Share of examples that are right'),
        loss: z.number().describe('Mean negative log-likelihood, at the temperature'),
        calibration_error: share.describe('Expected calibration error, at the temperature'),
        uncalibrated_error: share.describe('The same without a temperature'),
      })
      .describe('Of predictions by fits that had not seen the example'),
    temperature: z
      .number()
      .describe(
        'What held-out logits are divided by so that their probabilities fit best; the head has it in its weights',
      ),
    classes: z.array(classReportSchema).describe('Each class, of held-out predictions'),
    confusion: z
      .object({
        matrix: z
          .array(z.array(count))
          .describe('[truth][prediction]: how often, in the order of labels'),
        image: z.string().describe('The same as a picture: data URL of a PNG'),
      })
      .describe('Which classes are taken for which'),
  })
  .meta({ id: 'FitReport', description: 'How a fit went, and how good it is' });
export type FitReport = z.infer<typeof fitReportSchema>;

export const headSchema = z
  .object({
    name: headNameSchema,
    version: headVersionSchema,
    created_at: z.string().describe('When the version was made: RFC 3339'),
    source: z
      .enum(['upload', 'examples', 'collection'])
      .describe('Whether it came as a file, or was fitted'),
    model: z.string().describe('The model whose features it looks at'),
    model_digest: z.string().describe("Hash of the model's weights and settings"),
    features: z.string().describe('encoder, or the global embedding that is predicted'),
    width: count.describe('Numbers that it looks at'),
    normalised: z
      .boolean()
      .optional()
      .describe('Whether it looks at them at length 1, as collections have them'),
    labels: z.array(z.string()).describe('Its classes, in the order of the logits'),
    report: fitReportSchema.optional().describe('Of a fitted head'),
    computed: computedSchema,
    usage: pricedUnitsSchema.optional().describe('What fitting it cost, where that is charged'),
    sources: sourcesSchema,
  })
  .meta({ id: 'Head', description: 'A version of a head' });
export type Head = z.infer<typeof headSchema>;

/** A head in a list, without what takes room. */
export const listedHeadSchema = z
  .object({
    name: headNameSchema,
    version: headVersionSchema.describe('The newest version'),
    created_at: z.string().describe('When it was made: RFC 3339'),
    versions: count.describe('How many versions there are'),
  })
  .meta({ id: 'ListedHead', description: 'A head, by its newest version' });
export type ListedHead = z.infer<typeof listedHeadSchema>;

export const headsResponseSchema = z
  .object({ heads: z.array(listedHeadSchema).describe('In the order of their names') })
  .meta({ id: 'HeadsResponse', description: 'The heads that are kept' });
export type HeadsResponse = z.infer<typeof headsResponseSchema>;

export const headResponseSchema = headSchema
  .extend({
    versions: z
      .array(
        z.object({
          version: headVersionSchema,
          created_at: z.string().describe('When it was made: RFC 3339'),
        }),
      )
      .describe('All versions, the newest first'),
  })
  .meta({ id: 'HeadResponse', description: 'A version of a head, and which others there are' });
export type HeadResponse = z.infer<typeof headResponseSchema>;

export const deletedSchema = z
  .object({ deleted: count.describe('Versions that were deleted') })
  .meta({ id: 'DeletedHead', description: 'What was deleted' });

export const fitHeadDryRunSchema = z
  .object({
    dry_run: z.literal(true).describe('Tells the answer from a head'),
    id: z.string().describe('The hash of the request: equal requests have equal ids'),
    model: z.string().describe('The model that the request goes to'),
    usage: encodingUsageSchema.describe('What the request will cost'),
  })
  .meta({ id: 'FitHeadDryRun', description: 'What a fit would cost' });
export type FitHeadDryRun = z.infer<typeof fitHeadDryRunSchema>;
