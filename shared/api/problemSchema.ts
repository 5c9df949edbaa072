/** The schema of problem responses. */
import * as z from 'zod';
import { type FieldError, PROBLEMS, type Problem, type ProblemCode } from './problem.ts';

const codes = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

const fieldErrorSchema = z
  .object({
    detail: z.string().describe('What is wrong with the field, for people'),
    pointer: z.string().describe('JSON pointer (RFC 6901) of the field, such as /targets/0'),
  })
  .meta({
    id: 'FieldError',
    description: 'A field that does not fit',
  }) satisfies z.ZodType<FieldError>;

export const problemSchema = z
  .object({
    type: z.string().describe('Address of what is written about the code'),
    title: z.string().describe('What the code means'),
    status: z.number().int().describe('The HTTP status'),
    detail: z.string().describe('What went wrong with this request, for people'),
    instance: z.string().optional().describe('The address that was asked'),
    code: z.enum(codes).describe('What went wrong; stable'),
    retryable: z.boolean().describe('Whether the same request may succeed later'),
    request_id: z.string().describe('Names the request in the logs'),
    price: z
      .number()
      .int()
      .optional()
      .describe(
        'What it would cost, in millionths of the currency, where the credit does not cover it',
      ),
    balance: z.number().int().optional().describe('What the credit has left, in the same'),
    currency: z.string().optional().describe('Of both: a code of ISO 4217, such as EUR'),
    errors: z.array(fieldErrorSchema).optional().describe('Fields that do not fit, at most 16'),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457)' }) satisfies z.ZodType<Problem>;
