/** Values given for input modalities, in every form that the API takes. */
import * as z from 'zod';
import { uploadIdSchema } from './uploads.ts';

/** Characters of a file's base64 at most: 21 MB. */
const BASE64_LENGTH = 28_000_000;
/** Characters of a text at most; the modality's own bound, which is often smaller, is checked with it. */
export const TEXT_LENGTH = 100_000;

const urlSchema = z
  .string()
  .min(1)
  .max(4096)
  .describe('An https address of a picture, .npy or .safetensors file, which a worker fetches');

const base64 = z.string().max(BASE64_LENGTH);

/** Values and containers in a JSON value at most, how deep they nest, and how long a text in it is. */
const JSON_NODES = 50_000;
const JSON_DEPTH = 12;
const JSON_TEXT = 1_000_000;

function isBounded(value: unknown): boolean {
  let nodes = 0;
  const visit = (part: unknown, depth: number): boolean => {
    nodes++;
    if (nodes > JSON_NODES || depth > JSON_DEPTH) return false;
    if (typeof part === 'string') return part.length <= JSON_TEXT;
    if (typeof part !== 'object' || part === null) return true;
    return Object.values(part).every((child) => visit(child, depth + 1));
  };
  return visit(value, 0);
}
/** Any JSON value within those bounds. */
const jsonValue = z
  .custom<NonNullable<unknown> | null>(
    (value) => value !== undefined && isBounded(value),
    `must be JSON of at most ${JSON_NODES} parts, nested at most ${JSON_DEPTH} deep`,
  )
  .describe('JSON in the form in which the modality is answered: boxes, colours, fields, a vector');

/** Names tokens that were kept: the hash of what the store holds of them. */
export const refSchema = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits')
  .meta({ id: 'Reference', description: 'Names kept tokens by the hash of what they are' });

/** Tokens of one input or output at most. */
const TOKENS_LENGTH = 4096;

/**
 * Token ids in an array. The first id that does not fit is refused and no other is looked at, since a
 * message for each of thousands helps nobody and takes its time.
 */
function tokenIds<T extends number | null>(allowNull: boolean, description: string, least = 1) {
  const most = Number.MAX_SAFE_INTEGER;
  const rule = allowNull ? 'a whole number from 0, or null' : 'a whole number from 0';
  const id = { type: 'integer', minimum: 0, maximum: most };
  return z
    .any()
    .superRefine((value: unknown, context) => {
      const refuse = (message: string, path: number[] = []): void =>
        context.addIssue({ code: 'custom', message, path });
      if (!Array.isArray(value)) return refuse('must be a list of token ids');
      if (value.length < least || value.length > TOKENS_LENGTH)
        return refuse(`must be a list of ${least} to ${TOKENS_LENGTH} token ids`);
      const wrong = value.findIndex(
        (item) => !((Number.isSafeInteger(item) && item >= 0) || (allowNull && item === null)),
      );
      if (wrong >= 0) refuse(`must be ${rule}`, [wrong]);
    })
    .meta({
      description,
      type: 'array',
      items: allowNull ? { anyOf: [id, { type: 'null' }] } : id,
      minItems: least,
      maxItems: TOKENS_LENGTH,
    }) as unknown as z.ZodType<T[], T[]>;
}
/** Null where a token is not known: hidden, or never given. */
export const partialTokensSchema = tokenIds<number | null>(
  true,
  'Token ids, in order of position; null where one is not known',
);
/** What the store holds; empty for a sequence that ended at once. */
export const keptIdsSchema = tokenIds<number | null>(
  true,
  'Token ids, in order of position; null where one is not known',
  0,
);
export const tokensSchema = tokenIds<number>(false, 'Token ids, in order of position');

const fraction = z.number().min(0).max(1);
export const hiddenSchema = z.union(
  [
    z.strictObject({
      box: z
        .tuple([fraction, fraction, fraction, fraction])
        .refine(([xmin, ymin, xmax, ymax]) => xmin < xmax && ymin < ymax, {
          message: 'must be [xmin, ymin, xmax, ymax] with xmin < xmax and ymin < ymax',
        })
        .describe('[xmin, ymin, xmax, ymax] in shares of the picture, from 0 to 1'),
    }),
    z.strictObject({
      mask: z
        .union(
          [
            base64.min(1).describe('A picture in base64'),
            z.strictObject({ upload: uploadIdSchema }),
            z.strictObject({ url: urlSchema }),
          ],
          'must be a picture in base64, or an object with upload or url',
        )
        .describe('Picture that says what is hidden'),
      hides: z
        .enum(['white', 'transparent'])
        .optional()
        .describe('What of the mask hides: its white unless it says transparent'),
    }),
  ],
  'must be {"box": [xmin, ymin, xmax, ymax]} or {"mask": "base64 picture"}',
);
export type Hidden = z.infer<typeof hiddenSchema>;

/** What is not to be seen of a picture: each token that any of it touches is not given. */
export const hideSchema = z
  .union(
    [hiddenSchema, z.array(hiddenSchema).min(1).max(64)],
    'must be a box, a mask, or a list of 1 to 64 of them',
  )
  .meta({
    id: 'Hide',
    description: 'What is hidden of a picture: every token that a box or white of a mask touches',
  });
const hide = hideSchema.optional().describe('What of it is hidden, and so not given');

/** A value given for one input modality. */
export const inputValueSchema = z
  .union(
    [
      z
        .string()
        .max(BASE64_LENGTH)
        .describe('Text for a sequence modality; for the others a data URL in base64'),
      z.strictObject({
        text: z
          .string()
          .max(TEXT_LENGTH)
          .describe('Text, which may hold gaps, [S_1] to [S_199]; or JSON as text'),
      }),
      z.strictObject({
        data: base64.describe('A picture, .npy or .safetensors file in base64, or its data URL'),
        hide,
      }),
      z.strictObject({ value: jsonValue, hide }),
      z.strictObject({ tokens: partialTokensSchema, hide }),
      z.strictObject({ ref: refSchema, hide }),
      z.strictObject({ upload: uploadIdSchema, hide }),
      z.strictObject({
        url: urlSchema,
        hide,
      }),
    ],
    'must be text, a data URL, or an object with one of text, data, value, tokens, ref, upload, url',
  )
  .meta({ id: 'InputValue', description: 'A value given for one input modality' });
export type InputValue = z.infer<typeof inputValueSchema>;

/** Where bytes are, when the request does not hold them. */
export type Source = { readonly upload: string } | { readonly url: string };

/** A mask in base64, or the name of its file. @throws Error for one whose bytes are still elsewhere */
export function heldMask(mask: string | Source): string {
  if (typeof mask === 'string') return mask;
  throw new Error('the bytes of a mask are not there');
}

/** The source of an input's bytes; undefined where the request holds the value itself. */
export function sourceOf(value: InputValue): Source | undefined {
  if (typeof value === 'string') return undefined;
  if ('upload' in value) return { upload: value.upload };
  return 'url' in value ? { url: value.url } : undefined;
}

/** Inputs of a request at most. */
export const MOST_INPUTS = 32;

export const inputsSchema = z
  .record(z.string().min(1).max(64), inputValueSchema)
  .refine((inputs) => Object.keys(inputs).length > 0, 'must name at least one input')
  .refine(
    (inputs) => Object.keys(inputs).length <= MOST_INPUTS,
    `must name at most ${MOST_INPUTS} inputs`,
  )
  .describe('Modality, by its public or own name -> the value given for it');
