/** Routes of the route table about what was charged. */
import * as z from 'zod';
import { ADDRESSES } from './addresses.ts';
import type { Route } from './route.ts';
import { usageQuerySchema, usageResponseSchema } from './usage.ts';

const { from, format } = usageQuerySchema.shape;

export const USAGE_ROUTES = {
  usage: {
    id: 'usage',
    ...ADDRESSES.usage,
    tag: 'usage',
    summary: 'What was charged, and what the credit has left',
    description:
      'Sums of what the tenant of the key was charged, by day, key, operation and model. Charges of other edges are in ' +
      'it within a second. `Accept: text/csv` or `format=csv` answers the rows as a table.',
    query: [
      {
        name: 'from',
        description: 'The first day; 29 days before the last one when absent',
        schema: from,
      },
      { name: 'to', description: 'The last day; today when absent', schema: from },
      {
        name: 'group_by',
        description: 'What rows are told apart by: some of day, key, task and model, with commas',
        schema: z.string().optional(),
      },
      {
        name: 'format',
        description: 'The form of the answer, whatever Accept says',
        schema: format,
      },
    ],
    response: {
      'application/json': usageResponseSchema,
      'text/csv': { description: 'A line of names, then a line for each row', text: true },
    },
    problems: ['invalid_request', 'no_credit', 'store_unavailable'],
  },
} as const satisfies Record<string, Route>;
