/** What a caller should know of an answer that is right by form: it came, but perhaps not as meant. */
import * as z from 'zod';

/** Every warning code, and what it says. */
export const WARNINGS = {
  unknown_words: "Words of an input are not in the model's vocabulary",
  clipped_values: 'Values of an input are larger than it can have, and count as its largest',
  unfamiliar_input: 'An input is far from what the model was trained on',
  other_weights: 'A head was made for other weights of its model than are loaded now',
} as const satisfies Record<string, string>;

export type WarningCode = keyof typeof WARNINGS;

export const warningSchema = z
  .object({
    code: z
      .enum(Object.keys(WARNINGS) as [WarningCode, ...WarningCode[]])
      .describe('What kind of warning this is; stable'),
    detail: z.string().describe('What the warning says of this request, for people'),
    pointer: z.string().describe('JSON pointer (RFC 6901) of the field, such as /inputs/caption'),
  })
  .meta({ id: 'Warning', description: 'A warning about a field' });
export type Warning = z.infer<typeof warningSchema>;

/** What an answer carries: absent when there is nothing to warn of. */
export const warningsSchema = z
  .array(warningSchema)
  .optional()
  .describe('What the caller should know of this answer although it is right by form');
