/** Filters over the metadata of items: data, which a worker turns into a query; never text of a query language. */
import * as z from 'zod';

/** Characters of a text in metadata at most. */
export const METADATA_TEXT = 16_384;

export const fieldNameSchema = z
  .string()
  .regex(
    /^[^\p{Cc}\p{Cs}]{1,64}$/u,
    'must have 1 to 64 characters, none of them a control character',
  )
  .describe('A field of the metadata');

const text = z
  .string()
  .max(METADATA_TEXT)
  .regex(/^[^\p{Cs}\0]*$/u, 'must not have half characters nor NUL');
/** A value of metadata; which kind a field takes is fixed when its collection is made. */
export const scalarSchema = z.union(
  [text, z.number(), z.boolean()],
  'must be text, a number, true or false',
);
export type Scalar = z.infer<typeof scalarSchema>;

/** Values of one `in` at most. */
const MOST_VALUES = 64;

/** A condition on one field: every comparison that is given has to hold. */
export interface Condition {
  readonly field: string;
  readonly eq?: Scalar | undefined;
  readonly ne?: Scalar | undefined;
  readonly gt?: Scalar | undefined;
  readonly gte?: Scalar | undefined;
  readonly lt?: Scalar | undefined;
  readonly lte?: Scalar | undefined;
  readonly in?: readonly Scalar[] | undefined;
  readonly exists?: boolean | undefined;
}
export const COMPARISONS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'exists'] as const;

export type Filter =
  | Condition
  | { readonly and: readonly Filter[] }
  | { readonly or: readonly Filter[] }
  | { readonly not: Filter };

const conditionSchema = z
  .strictObject({
    field: fieldNameSchema,
    eq: scalarSchema.optional().describe('The value is this one'),
    ne: scalarSchema.optional().describe('The value is another one, or there is none'),
    gt: scalarSchema.optional().describe('The value is greater'),
    gte: scalarSchema.optional().describe('The value is greater or the same'),
    lt: scalarSchema.optional().describe('The value is less'),
    lte: scalarSchema.optional().describe('The value is less or the same'),
    in: z
      .array(scalarSchema)
      .min(1)
      .max(MOST_VALUES)
      .optional()
      .describe('The value is among these'),
    exists: z.boolean().optional().describe('Whether there is a value'),
  })
  .refine(
    (condition) => COMPARISONS.some((name) => condition[name] !== undefined),
    `must have at least one of ${COMPARISONS.join(', ')}`,
  )
  .meta({
    id: 'Condition',
    description: 'What the value of a field has to be; all of it must hold',
  });

const several = (what: string) =>
  z
    .array(z.lazy(() => filterSchema))
    .min(1)
    .max(MOST_VALUES)
    .describe(what);

export const filterSchema: z.ZodType<Filter, Filter> = z
  .lazy(() =>
    z.union(
      [
        conditionSchema,
        z.strictObject({ and: several('Filters that all have to hold') }),
        z.strictObject({ or: several('Filters of which one has to hold') }),
        z.strictObject({ not: z.lazy(() => filterSchema).describe('A filter that must not hold') }),
      ],
      'must be a condition with a field, or an object with one of and, or, not',
    ),
  )
  .meta({ id: 'Filter', description: 'Which items are looked at, by their metadata' });
