/** `POST /v1/collections/{name}/import`: many items from a file, each line of which stands alone. */
import * as z from 'zod';
import { PROBLEMS, type ProblemCode } from './problem.ts';

/** Lines whose errors are told; the others are counted. */
export const MOST_LINE_ERRORS = 100;

const count = z.number().int().min(0);
const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

export const lineErrorSchema = z
  .object({
    line: count.describe('Line of the file, or row, from 1 on'),
    code: z.enum(codes).describe('What went wrong; stable'),
    detail: z.string().describe('What went wrong, for people'),
    pointer: z.string().describe('JSON pointer (RFC 6901) of the field within the line'),
  })
  .meta({ id: 'LineError', description: 'A line that was not kept' });
export type LineError = z.infer<typeof lineErrorSchema>;

export const importResponseSchema = z
  .object({
    items: count.describe('Lines whose items are kept now'),
    failed: count.describe('Lines whose items were not kept'),
    errors: z
      .array(lineErrorSchema)
      .describe(`What is wrong with the first ${MOST_LINE_ERRORS} lines that were not kept`),
  })
  .meta({ id: 'ImportResponse', description: 'What became of a file' });
export type ImportResponse = z.infer<typeof importResponseSchema>;

/** Media types of files, and what they hold. */
export const IMPORT_TYPES = {
  'application/x-ndjson':
    'An item a line, as JSON: id, vector or inputs, and metadata, as in a call to add',
  'application/x-npy':
    'Vectors (N, D) of 16, 32 or 64 bits; ids are `prefix` and the number of the row, from 0 on',
  'multipart/form-data':
    'The file `ids`, an id a line, and behind it the file `vectors`, an .npy (N, D)',
  'application/vnd.apache.parquet':
    'Columns `id` and `vector` (a list of numbers), or `inputs.NAME` in its place; every other column is a ' +
    'field of the metadata. The file has at most as many bytes as any body, since its end is read first',
} as const;
export type ImportType = keyof typeof IMPORT_TYPES;
